"""Orders through Tryton's own desktop client, compared in Tryton's own database with those its API makes.

By its accessibility tree, and, where the test says pixels, by its picture alone.
"""

import itertools
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api_clients.tryton.operations import connect, sales_order_create
from fixtures.retail import Retail
from tandem.channels.desktop.channel import DesktopChannel
from tandem.channels.desktop.settings import DesktopSettings
from tandem.channels.library import Recordings, Screens
from tandem.channels.notation import Notation
from tandem.domain.channel import Attempt
from tandem.domain.sales_order import (
    SALES_ORDER_CREATE,
    SALES_ORDER_FIND,
    SalesOrder,
    SalesOrderDocument,
    SalesOrderLine,
)
from tandem.errors import BusinessPartnerUnknown, MaterialUnknown, NotOffered, NotSent, ScreenNotReady, UnknownOutcome
from tandem.store.evidence import EvidenceStore
from tandem.workspace.real.server import Standing
from tests import invoices, sqlite_books, tryton_api

pytestmark = [pytest.mark.desktop, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
DAY = date(2027, 3, 1)
_references = itertools.count(1)


@dataclass
class Desk:
    """The running server, its database, and a channel that starts its client when it is first used.

    ``pixels``: the client offers no accessibility tree, as behind a remote desktop.
    """

    standing: Standing
    data: Retail
    evidence: Path
    pixels: bool = False
    height: int = 960
    steps: list[Callable[[str], None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        about = self.standing.about
        if "desktop client" not in about:
            pytest.skip("GTK for the system's Python is not installed")
        settings = DesktopSettings(
            command=(about["desktop client"], about["its page"]),
            environment={
                "XDG_CONFIG_HOME": about["its XDG_CONFIG_HOME"],
                **({"NO_AT_BRIDGE": "1"} if self.pixels else {}),
            },
            username=tryton_api.USER,
            password=tryton_api.PASSWORD,
            notation=Notation(day="%m/%d/%Y"),
            height=self.height,
            starts_within_s=60,
            answers_within_s=30,
        )
        self.channel = DesktopChannel(
            "erp",
            settings,
            Recordings([ROOT / "recordings" / "tryton"], "desktop"),
            Screens([ROOT / "selectors" / "tryton"], "desktop"),
            EvidenceStore(self.evidence),
            folders=[ROOT / "selectors" / "tryton"],
            vendor_settings=tryton_api.SETTINGS.model_dump(),
            said=lambda step: [told(step) for told in self.steps] and None,
        )

    def order(self, lines: int = 2, **changes: object) -> SalesOrder:
        number = next(_references)
        held = sorted(self.data.stock, key=lambda code: -self.data.stock[code])
        customer = self.data.customers[number % len(self.data.customers)].number
        asked = SalesOrder(
            external_reference=f"DESK-{number}",
            sold_to_party=customer,
            currency="GBP",
            requested_delivery_on=DAY,
            lines=tuple(
                SalesOrderLine(
                    line_number=10 * place,
                    material=held[(number + place) % len(held)],
                    quantity=Decimal(place + 1),
                    unit="u",
                    net_price=Decimal("1.2345"),
                    site="WH",
                )
                for place in range(1, lines + 1)
            ),
        )
        return asked.model_copy(update=changes)

    async def create(self, asked: SalesOrder) -> str:
        confirmation = await self.channel.perform(_attempt(SALES_ORDER_CREATE, asked))
        return str(confirmation.sales_order_id)  # type: ignore[attr-defined]

    async def found(self, asked: SalesOrder) -> tuple[SalesOrderDocument, ...]:
        result = await self.channel.perform(_attempt(SALES_ORDER_FIND, asked.lookup()))
        return tuple(result.documents)  # type: ignore[attr-defined]

    async def create_by_api(self, asked: SalesOrder) -> None:
        async with aclosing(tryton_api.opened(str(self.standing.url))) as port:
            await sales_order_create(connect(port, tryton_api.SETTINGS), asked)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return sqlite_books.rows(self.standing.about["database"], query, *values)

    def count(self, asked: SalesOrder) -> int:
        ((found,),) = self.rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", asked.external_reference)
        return int(found)

    def stored(self, reference: str) -> list[tuple[Any, ...]]:
        """Header, lines and the tax of each line, as they stand in the books, but for what tells two orders apart."""
        return self.rows(
            "SELECT sale.state, sale.party, sale.invoice_party, sale.invoice_address, sale.shipment_address, "
            "sale.currency, sale.warehouse, sale.payment_term, sale.shipping_date, line.sequence, line.type, "
            "line.product, line.quantity, line.unit, line.unit_price, link.tax FROM sale_sale sale "
            "JOIN sale_line line ON line.sale = sale.id "
            'LEFT JOIN "sale_line-account_tax" link ON link.line = line.id '
            "WHERE sale.reference = ? ORDER BY line.sequence",
            reference,
        )

    @property
    def without_tree(self) -> bool:
        screen = self.channel._screen
        return screen is not None and screen.program.tree is None

    def kill_client_at(self, step: str) -> None:
        """Once, when this step is about to be carried out."""

        def kill(told: str) -> None:
            screen = self.channel._screen
            if step in told and screen is not None:
                self.steps.remove(kill)
                os.kill(screen.program.pid, signal.SIGKILL)

        self.steps.append(kill)


@pytest.fixture
async def desk(tmp_path: Path, real_server: Callable[[str, str], Standing]) -> AsyncIterator[Desk]:
    async with _desk(tmp_path, real_server) as desk:
        yield desk


@pytest.fixture
async def pixels(tmp_path: Path, real_server: Callable[[str, str], Standing]) -> AsyncIterator[Desk]:
    async with _desk(tmp_path, real_server, pixels=True) as desk:
        yield desk


@asynccontextmanager
async def _desk(folder: Path, real_server: Callable[[str, str], Standing], **more: Any) -> AsyncIterator[Desk]:
    orders, data = invoices.sample()
    desk = Desk(real_server("tryton", orders), data, folder, **more)
    try:
        yield desk
    finally:
        await desk.channel.aclose()


def _attempt(operation: Any, request: Any) -> Attempt:
    return Attempt(operation, "erp", request, "key", "test")


async def test_order_keyed_in_equals_the_apis_tax_included_and_is_found_again(desk: Desk) -> None:
    asked = desk.order()
    number = await desk.create(asked)
    by_api = asked.model_copy(update={"external_reference": f"{asked.external_reference}-API"})
    await desk.create_by_api(by_api)

    assert desk.count(asked) == 1
    assert len(desk.stored(asked.external_reference)) == len(asked.lines)
    assert desk.stored(asked.external_reference) == desk.stored(by_api.external_reference)
    (document,) = await desk.found(asked)
    assert asked.differences(document) == ()
    assert (document.sales_order_id, document.draft) == (number, True)


@pytest.mark.nightly
async def test_ten_orders_keyed_in_stand_in_the_books_as_they_were_asked(desk: Desk) -> None:
    orders = [desk.order(lines=1 + number % 3) for number in range(10)]
    for asked in orders:
        await desk.create(asked)
        await desk.create_by_api(asked.model_copy(update={"external_reference": f"{asked.external_reference}-API"}))
    for asked in orders:
        assert desk.count(asked) == 1
        assert desk.stored(asked.external_reference) == desk.stored(f"{asked.external_reference}-API")


async def test_reference_full_of_signs_is_found_again_and_one_nobody_used_is_not(desk: Desk) -> None:
    asked = desk.order(lines=1, external_reference='O"Neil \\ {50%} _+#: =1')
    await desk.create(asked)
    (document,) = await desk.found(asked)
    assert asked.differences(document) == ()
    assert await desk.found(desk.order(external_reference="O")) == ()


async def test_two_orders_with_one_reference_are_found_oldest_first(desk: Desk) -> None:
    asked = desk.order(lines=1)
    await desk.create_by_api(asked)
    await desk.create_by_api(asked)
    ids = desk.rows("SELECT id FROM sale_sale WHERE reference = ? ORDER BY id", asked.external_reference)
    assert [document.sales_order_id for document in await desk.found(asked)] == [f"#{id_}" for (id_,) in ids]


async def test_party_or_product_that_tryton_does_not_know_is_refused_and_nothing_is_written(desk: Desk) -> None:
    nobody = desk.order(lines=1, sold_to_party="NOBODY-1")
    with pytest.raises(BusinessPartnerUnknown):
        await desk.create(nobody)
    known = desk.order(lines=1)
    nothing = known.model_copy(update={"lines": (known.lines[0].model_copy(update={"material": "NOTHING-1"}),)})
    with pytest.raises(MaterialUnknown):
        await desk.create(nothing)
    assert (desk.count(nobody), desk.count(nothing)) == (0, 0)


async def test_client_killed_before_the_order_is_saved_leaves_nothing_behind(desk: Desk) -> None:
    asked = desk.order(lines=1)
    desk.kill_client_at("fill quantity")
    with pytest.raises(NotSent):
        await desk.create(asked)
    assert desk.count(asked) == 0
    await desk.create(asked)
    assert desk.count(asked) == 1


async def test_client_killed_after_the_order_is_saved_leaves_one_that_is_found(desk: Desk) -> None:
    asked = desk.order(lines=1)
    desk.kill_client_at("wait saved")
    with pytest.raises(UnknownOutcome):
        await desk.create(asked)
    documents = await desk.found(asked)
    assert len(documents) == desk.count(asked)
    if not documents:
        await desk.create(asked)
    assert desk.count(asked) == 1


async def test_order_the_screen_cannot_take_is_not_offered_and_not_written(desk: Desk) -> None:
    asked = desk.order(lines=1, currency="USD")
    with pytest.raises(NotOffered, match="GBP only"):
        await desk.create(asked)
    assert desk.count(asked) == 0


async def test_order_keyed_in_by_pixels_equals_the_apis_tax_included_and_is_found_again(pixels: Desk) -> None:
    asked = pixels.order()
    number = await pixels.create(asked)
    assert pixels.without_tree
    by_api = asked.model_copy(update={"external_reference": f"{asked.external_reference}-API"})
    await pixels.create_by_api(by_api)

    assert pixels.count(asked) == 1
    assert len(pixels.stored(asked.external_reference)) == len(asked.lines)
    assert pixels.stored(asked.external_reference) == pixels.stored(by_api.external_reference)
    (document,) = await pixels.found(asked)
    assert asked.differences(document) == ()
    assert (document.sales_order_id, document.draft) == (number, True)
    assert await pixels.found(pixels.order()) == ()


async def test_party_unknown_or_currency_not_taken_is_refused_by_pixels_and_not_written(pixels: Desk) -> None:
    nobody = pixels.order(lines=1, sold_to_party="NOBODY-1")
    with pytest.raises(BusinessPartnerUnknown):
        await pixels.create(nobody)
    dollars = pixels.order(lines=1, currency="USD")
    with pytest.raises(NotOffered, match="GBP only"):
        await pixels.create(dollars)
    assert (pixels.count(nobody), pixels.count(dollars)) == (0, 0)


async def test_order_with_more_lines_than_the_form_shows_is_not_taken_by_pixels(pixels: Desk) -> None:
    asked = pixels.order(lines=1)
    many = asked.model_copy(
        update={"lines": tuple(asked.lines[0].model_copy(update={"line_number": n}) for n in range(1, 16))}
    )
    await pixels.create_by_api(many)
    with pytest.raises(ScreenNotReady, match="fills its room"):
        await pixels.found(many)
