"""Tryton through its own web client: what a screen makes equals what the API makes, and stands once whatever dies."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import Connection

from fixtures.retail import Retail
from tandem.channels.api import ApiChannel
from tandem.channels.browser.channel import BrowserChannel
from tandem.channels.browser.settings import BrowserSettings
from tandem.channels.library import Recordings, Screens
from tandem.domain.channel import Attempt
from tandem.domain.operation import Operation
from tandem.domain.sales_order import (
    SALES_ORDER_CANCEL,
    SALES_ORDER_CONFIRM,
    SALES_ORDER_CREATE,
    SALES_ORDER_FIND,
    SalesOrder,
    SalesOrderConfirmation,
    SalesOrderDocument,
    SalesOrderLine,
)
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.errors import (
    BusinessPartnerUnknown,
    LoginRefused,
    MaterialUnknown,
    NotSent,
    ValidationFailed,
)
from tandem.store import journal, runs
from tandem.store.codec import Codec
from tandem.store.evidence import EvidenceStore
from tandem.store.opening import open_database
from tandem.vault import Vault
from tests import invoices, sqlite_books, tryton_api
from tests.processes import is_chromium, kill
from tests.tryton_api import PASSWORD, SETTINGS, USER

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]

ROOT = Path(__file__).parents[2]
THROUGH_THE_SCREEN = 20
MOST_LINES = 2

_references = itertools.count(1)


class Shop:
    """The running server, both channels to it, and its own database."""

    def __init__(self, url: str, database: str, data: Retail, folder: Path) -> None:
        self.url, self.data, self.database, self.folder = url, data, database, folder
        self.port = tryton_api.opened(url)
        self.api = tryton_api.channel(self.port)
        self.at: Callable[[str], None] = lambda step: None
        self.browser = self.channel()

    def channel(self, **settings: Any) -> BrowserChannel:
        """The web client; ``settings`` beside those of the sample user."""
        block = {"url": self.url, "username": USER, "password": PASSWORD, "notation": {"day": "%m/%d/%Y"}} | settings
        return BrowserChannel(
            "erp",
            BrowserSettings.model_validate(block | {"timeout_s": 20}),
            Recordings([ROOT / "recordings" / "tryton"], "browser"),
            Screens([ROOT / "selectors" / "tryton"], "browser"),
            Vault(Vault.new_key()),
            EvidenceStore(self.folder),
            vendor_settings=SETTINGS.model_dump(),
            session_file=self.folder / "session",
            said=lambda step: self.at(step),
        )

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return sqlite_books.rows(self.database, query, *values)

    def standing(self, reference: str) -> int:
        """How many orders of this reference stand in Tryton's own database."""
        ((count,),) = self.rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", reference)
        return int(count)

    def order(self, *, lines: int = 2, customer: str = "", **changes: object) -> SalesOrder:
        goods = sorted(self.data.stock, key=lambda code: -self.data.stock[code])[:lines]
        asked = SalesOrder(
            external_reference=f"SAO-{next(_references)}",
            sold_to_party=customer or self.customer("United Kingdom"),
            currency="GBP",
            requested_delivery_on=date(2027, 3, 1),
            lines=tuple(
                SalesOrderLine(
                    line_number=10 * number,
                    material=code,
                    quantity=Decimal(1000 + number),
                    unit="u",
                    net_price=Decimal("1.2345"),
                    site="WH",
                )
                for number, code in enumerate(goods, start=1)
            ),
        )
        return asked.model_copy(update=changes)

    def customer(self, *countries: str) -> str:
        return next(each.number for each in self.data.customers if each.country in countries)

    def small_orders(self) -> Iterator[SalesOrder]:
        """Orders of the data, each with few lines."""
        for order in self.data.orders:
            if invoices.orderable(order) and len(order.lines) <= MOST_LINES:
                yield invoices.sales_order(order, "u", f"SAO-{order.number}")

    async def created(self, channel: ApiChannel | BrowserChannel, asked: SalesOrder) -> str:
        made = await channel.perform(attempt(SALES_ORDER_CREATE, asked))
        return str(made.sales_order_id)  # type: ignore[attr-defined]

    async def found(self, channel: ApiChannel | BrowserChannel, asked: SalesOrder) -> list[SalesOrderDocument]:
        result = await channel.perform(attempt(SALES_ORDER_FIND, asked.lookup()))
        return list(result.documents)  # type: ignore[attr-defined]


def attempt(operation: Operation[Any, Any], request: Any) -> Attempt:
    return Attempt(operation, "erp", request, request.external_reference, "test")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shop(real_server: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    orders, data = invoices.sample()
    standing = real_server("tryton", orders)
    shop = Shop(standing.url, standing.about["database"], data, tmp_path_factory.mktemp("evidence"))
    yield shop
    await shop.browser.aclose()
    await shop.port.aclose()


@pytest.fixture(autouse=True)
def undisturbed(shop: Shop) -> None:
    shop.at = lambda step: None


HEADER = """
SELECT party, currency, warehouse, company, invoice_address, shipment_address, payment_term, invoice_method,
       shipment_method, shipping_date, sale_date, state, COALESCE(description, ''), COALESCE(comment, ''),
       untaxed_amount_cache, tax_amount_cache, total_amount_cache
FROM sale_sale WHERE reference = ?
"""
LINES = """
SELECT line.sequence, line.type, line.product, line.quantity, line.unit, line.unit_price,
       COALESCE(line.description, ''), COALESCE(line.note, ''), link.tax
FROM sale_line line JOIN sale_sale sale ON sale.id = line.sale
LEFT JOIN "sale_line-account_tax" link ON link.line = line.id
WHERE sale.reference = ? ORDER BY line.sequence
"""


@pytest.mark.parametrize("country", ["at home", "abroad"])
async def test_order_through_the_web_client_equals_the_one_the_api_makes_tax_included(shop: Shop, country: str) -> None:
    home = {"United Kingdom"}
    countries = home if country == "at home" else {each.country for each in shop.data.customers} - home
    asked = shop.order(customer=shop.customer(*countries))
    twin = asked.model_copy(update={"external_reference": f"{asked.external_reference}-API"})
    for channel, order in ((shop.browser, asked), (shop.api, twin)):
        await shop.created(channel, order)
        (document,) = await shop.found(shop.api, order)
        assert order.differences(document) == ()
        made = await shop.api.perform(attempt(SALES_ORDER_CONFIRM, confirmation(order, document)))
        assert made is not None
    header, other = (shop.rows(HEADER, order.external_reference) for order in (asked, twin))
    assert header == other
    lines = shop.rows(LINES, asked.external_reference)
    assert lines == shop.rows(LINES, twin.external_reference)
    assert [line[-1] for line in lines].count(None) == 0
    net, tax = header[0][-3:-1]
    assert net == sum(round(line.net_amount, 2) for line in asked.lines)
    assert tax == (round(net / 5, 2) if country == "at home" else 0)


def confirmation(asked: SalesOrder, document: SalesOrderDocument) -> Any:
    return asked.expected().model_copy(update={"sales_order_id": document.sales_order_id}).confirm()


async def test_both_channels_find_the_same_order_whichever_wrote_it(shop: Shop) -> None:
    asked = shop.order()
    await shop.created(shop.api, asked)
    by_screen = await shop.found(shop.browser, asked)
    assert by_screen == await shop.found(shop.api, asked)
    assert asked.differences(by_screen[0]) == ()


async def test_both_channels_tell_a_processed_order_from_one_that_was_taken_back(shop: Shop) -> None:
    asked = shop.order(lines=1)
    await shop.created(shop.api, asked)
    (draft,) = await shop.found(shop.api, asked)
    confirmed = await shop.api.perform(attempt(SALES_ORDER_CONFIRM, confirmation(asked, draft)))
    assert isinstance(confirmed, SalesOrderConfirmation)
    for is_taken_back in (False, True):
        if is_taken_back:
            await shop.api.perform(attempt(SALES_ORDER_CANCEL, confirmed.compensation()))
        by_screen = await shop.found(shop.browser, asked)
        assert by_screen == await shop.found(shop.api, asked)
        assert [(document.draft, document.void) for document in by_screen] == [(False, is_taken_back)]


async def test_orders_with_one_reference_are_all_found_oldest_first(shop: Shop) -> None:
    asked = shop.order(lines=1)
    made = [await shop.created(shop.api, asked) for _ in range(2)]
    assert [document.sales_order_id for document in await shop.found(shop.browser, asked)] == made


async def test_reference_nobody_used_is_found_nowhere(shop: Shop) -> None:
    assert await shop.found(shop.browser, shop.order(external_reference="SAO O'Neil & Söhne {50%} +1 #/?;=客户")) == []


@pytest.mark.parametrize(
    ("changes", "line", "error"),
    [
        ({"sold_to_party": "NOBODY"}, {}, BusinessPartnerUnknown),
        ({}, {"material": "NOPE"}, MaterialUnknown),
        ({}, {"unit": "kg"}, NotSent),
        ({}, {"quantity": Decimal("1.5")}, (NotSent, ValidationFailed)),
    ],
)
async def test_order_the_screen_cannot_take_is_stopped_before_it_is_saved(
    shop: Shop, changes: dict[str, object], line: dict[str, object], error: type[Exception]
) -> None:
    asked = shop.order(lines=1, **changes)
    asked = asked.model_copy(update={"lines": (asked.lines[0].model_copy(update=line),)})
    with pytest.raises(error):
        await shop.created(shop.browser, asked)
    assert shop.standing(asked.external_reference) == 0


async def test_wrong_password_is_a_refused_login(shop: Shop, tmp_path: Path) -> None:
    channel = shop.channel(password="wrong-4711")
    try:
        with pytest.raises(LoginRefused):
            await channel.login()
    finally:
        await channel.aclose()


KILLED = {"before the commit": "fill product", "at the commit": "click save", "after the commit": "read_address"}


def kill_browser_at(shop: Shop, step: str) -> list[int]:
    """Kill it at the first step of this kind; the list fills with how many were killed."""
    killed: list[int] = []

    def at(told: str) -> None:
        if step in told and not killed:
            killed.append(kill(is_chromium))

    shop.at = at
    return killed


@pytest.mark.parametrize("moment", KILLED)
async def test_order_stands_once_when_the_browser_is_killed(shop: Shop, tmp_path: Path, moment: str) -> None:
    asked = shop.order(lines=1)
    killed = kill_browser_at(shop, KILLED[moment])
    (told,) = await taken_in(shop, tmp_path, asked)
    assert sum(killed)
    assert told.outcomes[0] == ("unknown" if moment == "after the commit" else "not_sent")
    assert told.status == "finished", told
    assert shop.standing(asked.external_reference) == 1
    (document,) = await shop.found(shop.api, asked)
    assert asked.differences(document) == ()


ORDERED = """
SELECT party.code, currency.code, sale.state, line.sequence, product.code, line.quantity, unit.symbol, line.unit_price,
       tax.rate
FROM sale_sale sale JOIN party_party party ON party.id = sale.party
JOIN currency_currency currency ON currency.id = sale.currency
JOIN sale_line line ON line.sale = sale.id JOIN product_product product ON product.id = line.product
JOIN product_uom unit ON unit.id = line.unit
JOIN "sale_line-account_tax" link ON link.line = line.id JOIN account_tax tax ON tax.id = link.tax
WHERE sale.reference = ? ORDER BY line.sequence
"""


@pytest.mark.nightly
@pytest.mark.timeout(1800)
async def test_20_orders_of_the_data_stand_as_asked_when_only_the_screen_may_create(
    shop: Shop, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    asked = list(itertools.islice(shop.small_orders(), THROUGH_THE_SCREEN))
    assert len(asked) == THROUGH_THE_SCREEN
    told = await taken_in(shop, tmp_path, *asked)
    assert [(each.status, each.outcomes[-1]) for each in told] == [("finished", "claimed")] * len(asked)
    tries = [outcome for each in told for outcome in each.outcomes[:-1]]
    assert set(tries) <= {"not_sent"}
    tell(f"{len(asked)} orders, {len(tries)} tries more, which saved nothing")
    abroad = {each.number for each in shop.data.customers if each.country != "United Kingdom"}
    for order in asked:
        assert shop.standing(order.external_reference) == 1
        rate = Decimal(0) if order.sold_to_party in abroad else Decimal("0.2")
        assert shop.rows(ORDERED, order.external_reference) == [
            (
                order.sold_to_party,
                "GBP",
                "draft",
                line.line_number,
                line.material,
                line.quantity,
                "u",
                line.net_price,
                rate,
            )
            for line in order.lines
        ]


@dataclass(frozen=True)
class Told:
    """How a run ended, and each of its attempts."""

    status: str
    outcomes: list[str]


async def taken_in(shop: Shop, folder: Path, *asked: SalesOrder) -> list[Told]:
    """Take orders in with creation by screen only, and reading by API."""
    operations = {
        "sales_order.create": Rungs(
            ("browser",), settle_s=10.0, late_s=10.0, look_first=True, round_waits_s=(0.1, 1.0)
        ),
        "sales_order.find": Rungs(("api",)),
    }
    system = System("erp", "tryton", {"api": shop.api, "browser": shop.browser}, operations)
    database = open_database(folder / "tandem.db")
    bots = {"take_in": Bot("take_in", SalesOrder, take_in, systems={"erp": system})}
    engine = Engine(database, bots, Codec(Vault(Vault.new_key())), systems={"erp": system})
    try:
        started = await engine.start("take_in", [Work(order.external_reference, order) for order in asked])
        await engine.work(patience_s=30.0)
        return [await database.read(partial(told_of, run_id)) for run_id in started]
    finally:
        await database.close()


def told_of(run_id: str, connection: Connection) -> Told:
    row = runs.find(connection, run_id)
    assert row is not None
    entries = journal.load(connection, run_id)
    return Told(row.status, [entry.body["outcome"] for entry in entries if entry.kind == "ended"])


async def take_in(run: Run) -> BotResult:
    assert isinstance(run.item, SalesOrder)
    await run.perform("erp", SALES_ORDER_CREATE, run.item)
    return BotResult(outcome="created")
