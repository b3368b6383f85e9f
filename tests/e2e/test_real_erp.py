"""The main job on a real ERP: the same bot, another word in tandem.yaml and a line in the cross-reference table."""

import asyncio
import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML
from sqlalchemy import Connection, select

from fixtures.retail import Retail, RetailOrder
from fixtures.tryton.real import credit_limit
from tandem.domain.channel import Attempt
from tandem.domain.sales_order import SALES_ORDER_CONFIRM, SALES_ORDER_CREATE, SalesOrder, SalesOrderLine
from tandem.errors import Unavailable, UnknownOutcome, Unreachable
from tandem.store import journal, schema
from tandem.workspace.demonstration import Times, staged
from tandem.workspace.engine import channel_of, vault_of
from tandem.workspace.real.server import Standing
from tests import invoices, real_servers, sqlite_books
from tests.e2e.conftest import BOT, Site, demonstration
from tests.processes import Fits, is_chromium, kill

COUNT, MOST_LINES = 8, 12
KILLED, KILLS = 10, 4
KILLED_AFTER_S = (0.5, 3.0, 6.0)
"""From an order's coming into the ERP to the kill of the screen's program: amid its confirmation, or amid the next."""
NEXT_ORDER_S = 180.0
KILLED_RUN_S = 900.0
LONGEST_S = 3000.0
PATIENT = Times(settle_s=60.0, late_s=20.0, round_waits_s=(2.0, 20.0))
"""Waits for a real server that was killed and comes back."""


class Shop:
    """The bot's workspace with a CRM's sandbox and the real ERP, and that ERP's own database."""

    def __init__(self, site: Site, data: Retail, standing: Standing) -> None:
        self.site, self.data, self.standing = site, data, standing

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return sqlite_books.rows(self.standing.about["database"], query, *values)

    def states(self, order: RetailOrder) -> list[str]:
        """Of each document in the ERP that has the order's reference."""
        return [state for (state,) in self.rows("SELECT state FROM sale_sale WHERE reference = ?", self.number(order))]

    def number(self, order: RetailOrder) -> str:
        """Its number in the CRM, which counts them."""
        return f"{self.data.orders.index(order) + 1:08}"

    def orders(self, *, low_limit: bool = False) -> list[RetailOrder]:
        """Small ones that can be taken in: customers with credit, or with too little of it."""
        return [
            order
            for order in self.data.orders
            if invoices.orderable(order)
            and len(order.lines) <= MOST_LINES
            and (_net(order) > credit_limit(order.customer or "")) == low_limit
        ]

    def run(self, orders: list[RetailOrder]) -> dict[str, Any]:
        """How each order ended, by its number in the CRM."""
        return _results(self.told(orders))

    def told(self, orders: list[RetailOrder]) -> dict[str, Any]:
        """What a run of the bot over these orders tells."""
        batch = self.site.batch([self.number(each) for each in orders])
        told: dict[str, Any] = self.site.json("run", BOT, "--batch", str(batch), timeout_s=LONGEST_S)
        return told

    def buy(self, material: str, quantity: Decimal) -> None:
        """Somebody else's order in the ERP."""
        line = SalesOrderLine(line_number=1, material=material, quantity=quantity, unit="u", net_price=Decimal("0.01"))
        customer = next(each.number for each in self.data.customers if credit_limit(each.number) > 1000)
        order = SalesOrder(
            external_reference=f"OTHER-{material}", sold_to_party=customer, currency="GBP", lines=(line,)
        )
        asyncio.run(self._buy(order))

    async def _buy(self, order: SalesOrder) -> None:
        workspace = self.site.stage.workspace
        channel = channel_of(workspace, "erp", "api", vault_of(workspace))
        assert channel is not None
        try:
            made = await channel.perform(Attempt(SALES_ORDER_CREATE, "erp", order, order.external_reference, "test"))
            confirm = made.confirm()  # type: ignore[attr-defined]
            await channel.perform(Attempt(SALES_ORDER_CONFIRM, "erp", confirm, order.external_reference, "test"))
        finally:
            await channel.aclose()


def _results(told: dict[str, Any]) -> dict[str, Any]:
    return {run["result"]["order_number"]: run["result"] for run in told["runs"]}


@pytest.fixture
def shop(tmp_path: Path, real_server: Callable[[str, str], Standing]) -> Iterator[Shop]:
    orders, data = invoices.sample()
    standing = real_server("tryton", orders)
    with _on(tmp_path / "acme", orders, standing) as site:
        yield Shop(site, data, standing)


@pytest.fixture
def patient_shop(tmp_path: Path, real_server: Callable[[str, str], Standing]) -> Iterator[Shop]:
    orders, data = invoices.sample()
    standing = real_server("tryton", orders)
    with _on(tmp_path / "acme", orders, standing, PATIENT) as site:
        yield Shop(site, data, standing)


@contextmanager
def _on(folder: Path, orders: str, standing: Standing, times: Times | None = None) -> Iterator[Site]:
    assert standing.url is not None
    chosen, servers = ("salesforce", "tryton"), {"tryton": standing.url}
    demo = demonstration() if times is None else demonstration().model_copy(update={"times": times})
    with staged(folder, "zh", demo, orders, chosen=chosen, servers=servers) as stage:
        (folder / "cross_reference.csv").write_text("kind,source,target\nunit,PC,u\n", encoding="utf-8")
        yield Site(stage, "zh")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_orders_stand_once_in_a_real_erp_when_bot_and_server_are_killed_by_turns(
    patient_shop: Shop, tell: Callable[[str], None]
) -> None:
    shop, standing = patient_shop, patient_shop.standing
    orders = shop.orders()[COUNT : COUNT + KILLED]
    batch = str(shop.site.batch([shop.number(each) for each in orders]))
    bot = shop.site.start("run", BOT, "--batch", batch, "--concurrency", "4", "--json")
    came = 0
    for turn in range(KILLS):
        came += _another_came(shop, orders, bot)
        if turn % 2:
            real_servers.kill(standing)
            standing = real_servers.up_again("tryton")
        else:
            bot.kill()
            bot.communicate()
            bot = shop.site.start("run", BOT, "--concurrency", "4", "--json")
    bot.communicate(timeout=300)
    assert came > KILLS // 2, "kills met the bot at work"
    retried = _carry_to_the_end(shop)

    outcomes = _outcomes(shop)
    assert sorted(outcomes) == sorted(f"crm order {shop.number(order)}" for order in orders)
    assert set(outcomes.values()) <= {"created", "waiting"}
    made = {order: outcomes[f"crm order {shop.number(order)}"] == "created" for order in orders}
    live = "SELECT state FROM sale_sale WHERE reference = ? AND state != 'cancelled'"
    states = {order: [state for (state,) in shop.rows(live, shop.number(order))] for order in orders}
    assert states == {order: ["processing"] if is_made else [] for order, is_made in made.items()}
    cancelled = sum(len(shop.rows("SELECT 1 FROM sale_sale WHERE reference = ?", shop.number(each))) for each in orders)
    twins = cancelled - sum(made.values())
    tell(f"{len(orders)} orders, {sum(made.values())} made, {twins} twins cancelled, {retried} tickets retried")


def _outcomes(shop: Shop) -> dict[str, str | None]:
    rows = shop.site.json("runs", "list", "--bot", BOT, "--limit", "1000")
    return {row["business_key"]: row["outcome"] for row in rows}


def _carry_to_the_end(shop: Shop) -> int:
    """Run what waits for its time, and retry tickets as a person would who has the server up again; how many."""
    retried, deadline = 0, time.monotonic() + 240
    while True:
        shop.site.run("run", BOT)
        if None not in _outcomes(shop).values():
            return retried
        assert time.monotonic() < deadline, shop.site.json("tickets", "list")
        for ticket in shop.site.json("tickets", "list"):
            shop.site.run("tickets", "retry", str(ticket["id"]))
            retried += 1


def _another_came(shop: Shop, orders: list[RetailOrder], bot: "subprocess.Popen[str]") -> bool:
    """Wait until another order has come into the ERP, so that a kill meets others half made; whether one has."""

    def count() -> int:
        return sum(len(shop.rows("SELECT 1 FROM sale_sale WHERE reference = ?", shop.number(each))) for each in orders)

    before, deadline = count(), time.monotonic() + NEXT_ORDER_S
    while count() == before and bot.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    return count() > before


def _net(order: RetailOrder) -> Decimal:
    return sum((line.quantity * line.unit_price for line in order.lines), Decimal(0))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_crm_orders_are_taken_into_a_real_erp_or_wait_or_are_refused_as_it_says(shop: Shop) -> None:
    *taken, late = shop.orders()[:COUNT]
    (beyond,) = shop.orders(low_limit=True)[:1]
    material = late.lines[0].product_code.upper()
    shop.buy(material, shop.data.stock[material])

    results = shop.run([*taken, late, beyond])

    for order in taken:
        result = results[shop.number(order)]
        if not any(line.product_code.upper() == material for line in order.lines):
            assert (result["outcome"], result["reason"]) == ("created", "")
            _assert_stands(shop, order, result["erp_order_id"])
    waiting = results[shop.number(late)]
    assert (waiting["outcome"], material in waiting["missing"]) == ("waiting", True)
    assert shop.rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", shop.number(late)) == [(0,)]
    refused = results[shop.number(beyond)]
    assert refused["outcome"] == "refused"
    assert "will exceed their" in refused["reason"]
    assert shop.rows("SELECT state FROM sale_sale WHERE reference = ?", shop.number(beyond)) == [("cancelled",)]
    assert shop.site.crm["Sync_Status__c"]["待补货"] >= 1
    assert shop.site.crm["Sync_Status__c"]["同步失败"] == 1

    live = "SELECT COUNT(*) FROM sale_sale WHERE reference = ? AND state != 'cancelled'"
    created = [order for order in taken if results[shop.number(order)]["outcome"] == "created"]
    assert shop.told(created)["finished"] == {"repeated": len(created)}
    assert [shop.rows(live, shop.number(order)) for order in created] == [[(1,)]] * len(created)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_every_order_of_the_data_is_taken_in_once_or_waits_or_is_refused(
    shop: Shop, tell: Callable[[str], None]
) -> None:
    """500 where the real data are there, if no other test has taken in any."""
    orders = [order for order in shop.data.orders if invoices.orderable(order) and not shop.states(order)]
    results = shop.run(orders)
    outcomes = {order: results[shop.number(order)]["outcome"] for order in orders}
    tell(f"{len(orders)} orders: {dict(Counter(outcomes.values()))}")
    for order, outcome in outcomes.items():
        if outcome == "created":
            assert shop.states(order) == ["processing"]
            _assert_stands(shop, order, results[shop.number(order)]["erp_order_id"])
        else:
            assert set(shop.states(order)) <= {"cancelled"}
    assert list(outcomes.values()).count("created") > len(orders) // 2
    assert "created" not in shop.told(orders)["finished"]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("channel", "count"),
    [
        pytest.param("browser", 20, marks=pytest.mark.browser),
        pytest.param("desktop", 10, marks=pytest.mark.desktop),
    ],
)
def test_with_a_key_orders_are_read_and_confirmed_over_rest_and_created_on_the_screen(
    patient_shop: Shop, channel: str, count: int
) -> None:
    """Tryton's REST API fills in no new orders, so that its web client does, or its desktop client.

    Its program is killed amid the work, which the engine bears by itself: nobody retries a ticket.
    """
    shop = patient_shop
    _give_key(shop, channel)
    orders = _short(shop, channel)[:count]
    assert len(orders) == count
    program = is_chromium if channel == "browser" else _is_desktop_client(shop)
    results = _run_killing(shop, orders, program)
    created = [order for order in orders if results[shop.number(order)]["outcome"] == "created"]
    for order in created:
        assert shop.states(order) == ["processing"]
        _assert_stands(shop, order, results[shop.number(order)]["erp_order_id"])
    assert len(created) == count, results
    for step, by in (("erp.sales_order.create", channel), ("erp.sales_order.confirm", "api")):
        assert shop.site.books(partial(journal.channels_of, step=step)) == {by: count}
    assert shop.site.books(partial(_broken_tries, channel=channel)) > 0


@pytest.mark.slow
def test_with_a_key_and_no_screen_an_order_is_a_persons_and_stands_nowhere(shop: Shop) -> None:
    _give_key(shop)
    order = _short(shop, "desktop")[-1]
    assert shop.told([order])["waiting"] == 1
    (ticket,) = shop.site.json("tickets", "list")
    assert (ticket["operation"], ticket["error"]["code"]) == ("sales_order.create", "not_offered")
    assert "session" in ticket["message"]
    assert shop.rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", shop.number(order)) == [(0,)]


def _run_killing(shop: Shop, orders: list[RetailOrder], program: Fits) -> dict[str, Any]:
    """How each order ended, by its number in the CRM, though the screen's program was killed in between."""
    batch = shop.site.batch([shop.number(each) for each in orders])
    bot = shop.site.start("run", BOT, "--batch", str(batch), "--json")
    try:
        for amid_s in KILLED_AFTER_S:
            assert _another_came(shop, orders, bot)
            time.sleep(amid_s)
            _kill(program)
        told, error = bot.communicate(timeout=KILLED_RUN_S)
    finally:
        bot.kill()
        bot.communicate()
    assert bot.returncode == 0, error
    return _results(json.loads(told.splitlines()[-1]))


def _kill(program: Fits) -> None:
    """As soon as it is there: it may just be started anew."""
    deadline = time.monotonic() + NEXT_ORDER_S
    while not kill(program):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _broken_tries(connection: Connection, channel: str) -> int:
    """How many tries on a channel the end of its program broke off, of all the runs."""
    bodies = connection.execute(select(schema.journal.c.body).where(schema.journal.c.kind == "ended")).scalars()
    ended = [json.loads(body) for body in bodies]
    errors = [each["error"] for each in ended if each["channel"] == channel and each["outcome"] != "claimed"]
    return sum(error["code"] in (Unreachable.code, Unavailable.code, UnknownOutcome.code) for error in errors)


def _is_desktop_client(shop: Shop) -> Fits:
    return lambda command: shop.standing.about["desktop client"] in command


def _short(shop: Shop, channel: str) -> list[RetailOrder]:
    """Orders of few lines that no other test takes in, and no other channel."""
    short = sorted(shop.orders()[COUNT + KILLED + 1 :], key=lambda order: len(order.lines))
    return short[::2] if channel == "browser" else short[1::2]


def _give_key(shop: Shop, *screens: str) -> None:
    """A key in a file of its own instead of user and password, as a user would write it; only these screens."""
    path = shop.site.stage.workspace.folder / "tandem.yaml"
    raw = YAML().load(path)
    erp = raw["systems"]["erp"]
    key = f"file:{shop.standing.about['REST key']}"
    erp["api"]["auth"] = {"kind": "api_key", "header": "Authorization", "scheme": "Bearer", "key": key}
    for channel in {"browser", "desktop"} - set(screens):
        del erp[channel]
    if "desktop" in screens:
        _name_client(erp["desktop"], shop.standing.about)
    YAML().dump(raw, path)


def _name_client(desktop: dict[str, Any], about: Mapping[str, str]) -> None:
    """The desktop client by the place that ``tandem real status tryton`` tells."""
    if "desktop client" not in about:
        pytest.skip("GTK for the system's Python is not installed")
    desktop["command"] = [about["desktop client"], about["its page"]]
    desktop["environment"] = {"XDG_CONFIG_HOME": about["its XDG_CONFIG_HOME"]}


def _assert_stands(shop: Shop, order: RetailOrder, erp_order_id: str) -> None:
    """Header, lines and totals in the ERP's own database; a confirmed order keeps its totals there."""
    number = shop.number(order)
    ((id_, state, customer, net, tax, total),) = shop.rows(
        "SELECT sale.id, sale.state, party.code, sale.untaxed_amount_cache, sale.tax_amount_cache, "
        "sale.total_amount_cache FROM sale_sale sale JOIN party_party party ON party.id = sale.party "
        "WHERE sale.reference = ? AND sale.number = ?",
        number,
        erp_order_id,
    )
    assert (state, customer) == ("processing", order.customer)
    lines = shop.rows(
        "SELECT product.code, line.quantity, line.unit_price FROM sale_line line "
        "JOIN product_product product ON product.id = line.product WHERE line.sale = ? ORDER BY line.sequence",
        id_,
    )
    asked = [(line.product_code.upper(), line.quantity, line.unit_price) for line in order.lines]
    assert lines == asked
    expected = sum((invoices.rounded(line.quantity * line.unit_price) for line in order.lines), Decimal(0))
    rate = Decimal("0.2") if order.country == "United Kingdom" else Decimal(0)
    assert (invoices.rounded(net), invoices.rounded(tax)) == (expected, invoices.rounded(expected * rate))
    assert invoices.rounded(total) == expected + invoices.rounded(expected * rate)
