"""Deliveries and production orders through Tryton's API: a real server, its own rules, its own database."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api_clients.tryton.operations import (
    Client,
    connect,
    production_order_cancel,
    production_order_create,
    production_order_find,
    sales_order_cancel,
    sales_order_confirm,
    sales_order_create,
    shipment_deliver,
    shipment_find,
    stock_check,
)
from fixtures.retail import Retail
from fixtures.tryton.real import bills_of_materials, credit_limit
from tandem.channels.api import ApiChannel
from tandem.domain.production_order import PRODUCTION_ORDER_CREATE, ProductionOrder, ProductionOrderLookup
from tandem.domain.record import Record
from tandem.domain.sales_order import SalesOrder, SalesOrderConfirmation, SalesOrderLine
from tandem.domain.shipment import (
    SHIPMENT_DELIVER,
    ShipmentDeliver,
    ShipmentDocument,
    ShipmentLine,
    ShipmentLookup,
)
from tandem.domain.stock import Demand, StockCheck
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.read_back import judge
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.errors import DocumentNotFound, MaterialUnknown, StockShort, UnknownOutcome, ValidationFailed
from tandem.store import runs, tickets
from tandem.store.codec import Codec
from tandem.store.opening import open_database
from tandem.vault import Vault
from tests import invoices, sqlite_books, tryton_api
from tests.faults.proxy import MISHAPS, Forward, Mishap, proxied, server_behind
from tests.http.wire import Asked
from tests.wrong_clock import WrongClock

DAY, TODAY = date(2027, 3, 1), datetime.now(UTC).date()
SHIPMENT = "stock.shipment.out"
PICKED = ("assign_try", "pick")
RUNGS = {
    "production_order.create": production_order_create,
    "production_order.find": production_order_find,
    "production_order.cancel": production_order_cancel,
    "shipment.deliver": shipment_deliver,
    "shipment.find": shipment_find,
}
_references = itertools.count(1)


class Tryton:
    """The running server, a client of it, its sample data, and its database."""

    def __init__(self, url: str, books: str, data: Retail) -> None:
        self._url, self._books, self.data = url, books, data
        self.port = tryton_api.opened(url)
        self.client = connect(self.port, tryton_api.SETTINGS)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """What stands in Tryton's own database."""
        return sqlite_books.rows(self._books, query, *values)

    def goods(self, rank: int) -> str:
        """An article of which plenty is on hand."""
        return sorted(self.data.stock, key=lambda code: (-self.data.stock[code], code))[rank]

    def scarce(self) -> str:
        """An article of which a few are on hand."""
        return min((code for code, held in self.data.stock.items() if held > 3), key=lambda code: self.data.stock[code])

    def on_hand(self, material: str) -> Decimal:
        """What lies on the shelves."""
        ((quantity,),) = self.rows(
            "SELECT SUM(CASE WHEN move.to_location = shelf.id THEN move.internal_quantity "
            "ELSE -move.internal_quantity END) FROM stock_move move JOIN stock_location shelf "
            "ON shelf.code = 'STO' AND shelf.id IN (move.from_location, move.to_location) "
            "JOIN product_product product ON product.id = move.product "
            "WHERE product.code = ? AND move.state = 'done'",
            material,
        )
        return Decimal(quantity)

    async def ordered(self, *materials: str, quantity: Decimal = Decimal(2)) -> SalesOrderConfirmation:
        """A confirmed order."""
        customers = [each.number for each in self.data.customers if credit_limit(each.number) > 1000]
        order = SalesOrder(
            external_reference=f"SHIP-{next(_references)}",
            sold_to_party=customers[-1],
            currency="GBP",
            requested_delivery_on=DAY,
            lines=tuple(
                SalesOrderLine(
                    line_number=number, material=code, quantity=quantity, unit="u", net_price=Decimal("0.01")
                )
                for number, code in enumerate(materials, start=1)
            ),
        )
        return await sales_order_confirm(self.client, (await sales_order_create(self.client, order)).confirm())

    async def deliveries(self, reference: str) -> tuple[ShipmentDocument, ...]:
        return (await shipment_find(self.client, ShipmentLookup(external_reference=reference))).documents

    async def delivery(self, *materials: str, quantity: Decimal = Decimal(2)) -> ShipmentDocument:
        """The delivery that was planned of a confirmed order."""
        order = await self.ordered(*materials, quantity=quantity)
        (found,) = await self.deliveries(order.external_reference)
        return found

    @asynccontextmanager
    async def stuck(self, material: str, quantity: Decimal) -> AsyncIterator[ShipmentDocument]:
        """A delivery of more than there is, withdrawn in the end."""
        order = await self.ordered(material, quantity=quantity)
        (found,) = await self.deliveries(order.external_reference)
        yield found
        await sales_order_cancel(self.client, order.compensation())

    def id_of(self, delivery: ShipmentDocument) -> int:
        ((id_,),) = self.rows("SELECT id FROM stock_shipment_out WHERE number = ?", delivery.shipment_id)
        return int(id_)

    async def click(self, delivery: ShipmentDocument, *buttons: str) -> None:
        """A clerk's clicks."""
        for button in buttons:
            await self.client.call(SHIPMENT, button, [self.id_of(delivery)])

    def moves(self, delivery: ShipmentDocument) -> list[tuple[Any, ...]]:
        """The delivery and its moves, and when each was written last."""
        return self.rows(
            "SELECT shipment.state, shipment.write_date, move.id, move.state, move.quantity, move.write_date "
            "FROM stock_shipment_out shipment JOIN stock_move move ON move.shipment = ? || shipment.id "
            "WHERE shipment.number = ? ORDER BY move.id",
            f"{SHIPMENT},",
            delivery.shipment_id,
        )

    def production(self, **changes: object) -> ProductionOrder:
        """Four gift sets."""
        asked = ProductionOrder(
            external_reference=f"MAKE-{next(_references)}",
            material=next(iter(bills_of_materials(self.data))),
            quantity=Decimal(4),
            unit="u",
            site="WH",
            planned_on=DAY,
        )
        return asked.model_copy(update=changes)

    async def productions(self, reference: str):
        found = await production_order_find(self.client, ProductionOrderLookup(external_reference=reference))
        return found.documents

    async def available(self, material: str, on: date | None = None) -> Decimal | None:
        demand = Demand(material=material, quantity=Decimal(1), unit="u")
        (answer,) = (await stock_check(self.client, StockCheck(demands=(demand,), requested_on=on))).answers
        return answer.available

    @asynccontextmanager
    async def struck(self, call: str, mishap: Mishap) -> AsyncIterator[Client]:
        """A client whose first such call meets with the mishap."""
        async with server_behind(self._url) as server, proxied(server, f'"model.{call}"', mishap) as proxy:
            port = tryton_api.opened(proxy.url)
            try:
                yield connect(port, tryton_api.SETTINGS)
            finally:
                await port.aclose()
            assert proxy.struck


def after(act: Callable[[], Awaitable[object]]) -> Mishap:
    """The call arrives after something else has happened."""

    async def mishap(asked: Asked, forward: Forward) -> bytes:
        await act()
        return await forward()

    return mishap


@pytest.fixture
async def tryton(real_server) -> AsyncIterator[Tryton]:
    orders, data = invoices.sample()
    standing = real_server("tryton", orders)
    server = Tryton(standing.url, standing.about["database"], data)
    yield server
    await server.port.aclose()


async def test_planned_delivery_of_an_order_is_found_with_what_is_to_leave(tryton):
    order = await tryton.ordered(tryton.goods(5), tryton.goods(6))
    (found,) = await tryton.deliveries(order.external_reference)
    assert (found.state, found.planned_on, found.delivered_on) == ("planned", TODAY, None)
    assert set(found.lines) == {
        ShipmentLine(material=tryton.goods(rank), quantity=Decimal(2), delivered=Decimal(0), unit="u")
        for rank in (5, 6)
    }
    assert await tryton.deliveries("SHIP-NONE") == ()


async def test_goods_of_a_delivery_leave_once_however_often_it_is_asked(tryton):
    materials = tryton.goods(5), tryton.goods(6)
    before = [tryton.on_hand(material) for material in materials]
    delivery = await tryton.delivery(*materials)
    request = delivery.deliver()
    first = await shipment_deliver(tryton.client, request)
    assert (first.shipment_id, first.delivered_on) == (delivery.shipment_id, TODAY)
    assert await shipment_deliver(tryton.client, request) == first
    (found,) = await tryton.deliveries(delivery.external_reference)
    assert (request.differences(found), found.result()) == ((), first)
    assert [(line.quantity, line.delivered) for line in found.lines] == [(2, 2), (2, 2)]
    assert [tryton.on_hand(material) for material in materials] == [held - 2 for held in before]


@pytest.mark.parametrize(
    "buttons", [PICKED[:1], PICKED, (*PICKED, "pack"), (*PICKED, "pack", "ship")], ids=lambda buttons: buttons[-1]
)
async def test_delivery_a_clerk_has_begun_is_carried_on(tryton, buttons):
    delivery = await tryton.delivery(tryton.goods(5))
    before = tryton.on_hand(tryton.goods(5))
    await tryton.click(delivery, *buttons)
    (begun,) = await tryton.deliveries(delivery.external_reference)
    assert begun.state == ("picked" if "pick" in buttons else "planned")
    await shipment_deliver(tryton.client, delivery.deliver())
    (found,) = await tryton.deliveries(delivery.external_reference)
    assert found.state == "delivered"
    assert tryton.on_hand(tryton.goods(5)) == before - 2


async def test_delivery_that_leaves_from_its_shelf_is_not_picked(tryton):
    delivery = await tryton.delivery(tryton.goods(5))
    before = tryton.on_hand(tryton.goods(5))
    ((shelf,),) = tryton.rows("SELECT id FROM stock_location WHERE code = 'STO'")
    await tryton.click(delivery, "draft")
    (moves,) = await tryton.client.search_read(SHIPMENT, [["id", "=", tryton.id_of(delivery)]], ["outgoing_moves"])
    await tryton.client.call(SHIPMENT, "write", [tryton.id_of(delivery)], {"warehouse_output": shelf})
    await tryton.client.call("stock.move", "write", moves["outgoing_moves"], {"from_location": shelf})
    await tryton.click(delivery, "wait")
    await shipment_deliver(tryton.client, delivery.deliver())
    assert [(state, quantity) for _, _, _, state, quantity, _ in tryton.moves(delivery)] == [("done", 2)]
    assert tryton.on_hand(tryton.goods(5)) == before - 2


async def test_delivery_without_its_stock_is_refused_and_nothing_is_changed(tryton):
    material = tryton.scarce()
    async with tryton.stuck(material, tryton.on_hand(material) + 3) as delivery:
        before = tryton.moves(delivery)
        with pytest.raises(StockShort, match=f"missing: 3 u {material}"):
            await shipment_deliver(tryton.client, delivery.deliver())
        assert tryton.moves(delivery) == before


async def test_stock_a_clerk_has_assigned_to_a_delivery_stays_with_it(tryton):
    material = tryton.scarce()
    async with tryton.stuck(material, tryton.on_hand(material) + 3) as delivery:
        await tryton.click(delivery, "assign_try")
        before = tryton.moves(delivery)
        assert "assigned" in {state for _, _, _, state, _, _ in before}
        with pytest.raises(StockShort, match=f"missing: 3 u {material}"):
            await shipment_deliver(tryton.client, delivery.deliver())
        assert tryton.moves(delivery) == before


async def test_goods_that_another_delivery_takes_meanwhile_are_missing_and_the_rest_is_given_back(tryton):
    material = tryton.scarce()
    rival = await tryton.delivery(material, quantity=Decimal(1))
    rivals = after(lambda: shipment_deliver(tryton.client, rival.deliver()))
    async with tryton.stuck(material, tryton.on_hand(material)) as delivery:
        async with tryton.struck(f"{SHIPMENT}.assign_try", rivals) as client:
            with pytest.raises(StockShort, match=f"missing: 1 u {material}"):
                await shipment_deliver(client, delivery.deliver())
        assert {(whole, state) for whole, _, _, state, _, _ in tryton.moves(delivery)} == {("waiting", "draft")}


async def test_delivery_that_is_set_back_as_it_is_picked_is_not_picked_without_its_stock(tryton):
    material = tryton.scarce()
    rival = await tryton.delivery(material, quantity=Decimal(1))

    async def set_back() -> None:
        await tryton.click(delivery, "wait")
        await shipment_deliver(tryton.client, rival.deliver())

    held = tryton.on_hand(material)
    async with tryton.stuck(material, held) as delivery:
        async with tryton.struck(f"{SHIPMENT}.pick", after(set_back)) as client:
            with pytest.raises(StockShort, match=f"missing: 1 u {material}"):
                await shipment_deliver(client, delivery.deliver())
        assert tryton.on_hand(material) == held - 1


async def test_delivery_that_tryton_refuses_half_way_says_how_it_stands_and_is_carried_on_later(tryton):
    delivery = await tryton.delivery(tryton.goods(5))

    async def outgoing(quantity: float) -> None:
        (row,) = await tryton.client.search_read(SHIPMENT, [["id", "=", tryton.id_of(delivery)]], ["outgoing_moves"])
        await tryton.client.call("stock.move", "write", row["outgoing_moves"], {"quantity": quantity})

    async with tryton.struck(f"{SHIPMENT}.pack", after(lambda: outgoing(1))) as client:
        with pytest.raises(ValidationFailed, match=f"delivery {delivery.shipment_id}, which is picked there now"):
            await shipment_deliver(client, delivery.deliver())
    await outgoing(2)
    await shipment_deliver(tryton.client, delivery.deliver())
    (found,) = await tryton.deliveries(delivery.external_reference)
    assert found.state == "delivered"


@pytest.mark.parametrize("buttons", [("draft",), ("cancel",)], ids=["draft", "cancelled"])
async def test_delivery_a_clerk_has_taken_back_is_refused_as_it_stands(tryton, buttons):
    delivery = await tryton.delivery(tryton.goods(5))
    await tryton.click(delivery, *buttons)
    state = {"draft": "draft", "cancel": "cancelled"}[buttons[-1]]
    with pytest.raises(ValidationFailed, match=f"it is {state}"):
        await shipment_deliver(tryton.client, delivery.deliver())
    assert {whole for whole, *_ in tryton.moves(delivery)} == {state}
    (found,) = await tryton.deliveries(delivery.external_reference)
    assert found.void == (state == "cancelled")


async def test_delivery_of_another_order_is_not_found(tryton):
    delivery, other = await tryton.delivery(tryton.goods(5)), await tryton.delivery(tryton.goods(5))
    wrong = delivery.deliver().model_copy(update={"external_reference": other.external_reference})
    with pytest.raises(DocumentNotFound, match=f"no delivery {delivery.shipment_id} of order"):
        await shipment_deliver(tryton.client, wrong)
    assert {whole for whole, *_ in tryton.moves(delivery)} == {"waiting"}


@pytest.mark.parametrize(
    ("button", "verdict"), [("assign_try", "absent"), ("pick", "absent"), ("pack", "absent"), ("do", "equal")]
)
async def test_delivery_whose_answer_is_lost_is_unknown_until_it_is_read_back_and_leaves_once(tryton, button, verdict):
    delivery = await tryton.delivery(tryton.goods(5))
    before = tryton.on_hand(tryton.goods(5))
    request = delivery.deliver()
    async with tryton.struck(f"{SHIPMENT}.{button}", MISHAPS["reset after commit"]) as client:
        with pytest.raises(UnknownOutcome):
            await shipment_deliver(client, request)
    assert judge(SHIPMENT_DELIVER, request, await shipment_find(tryton.client, request.lookup())).kind == verdict
    await shipment_deliver(tryton.client, request)
    assert judge(SHIPMENT_DELIVER, request, await shipment_find(tryton.client, request.lookup())).kind == "equal"
    assert tryton.on_hand(tryton.goods(5)) == before - 2


async def test_production_order_reads_back_equal_and_has_the_components_of_its_bill(tryton):
    asked = tryton.production()
    made = await production_order_create(tryton.client, asked)
    (found,) = await tryton.productions(asked.external_reference)
    assert (asked.differences(found), found.state, found.result()) == ((), "planned", made)
    (header,) = tryton.rows(
        "SELECT production.id, production.state, product.code, production.quantity, unit.symbol, warehouse.code, "
        "production.planned_date FROM production JOIN product_product product ON product.id = production.product "
        "JOIN product_uom unit ON unit.id = production.unit "
        "JOIN stock_location warehouse ON warehouse.id = production.warehouse WHERE production.reference = ?",
        asked.external_reference,
    )
    assert header[1:] == ("draft", asked.material, 4, "u", "WH", str(DAY))
    moves = (
        "SELECT product.code, move.quantity, source.type, target.type FROM stock_move move "
        "JOIN product_product product ON product.id = move.product "
        "JOIN stock_location source ON source.id = move.from_location "
        "JOIN stock_location target ON target.id = move.to_location WHERE move.{} = ?"
    )
    components = bills_of_materials(tryton.data)[asked.material]
    assert set(tryton.rows(moves.format("production_input"), header[0])) == {
        (code, 4 * quantity, "storage", "production") for code, quantity in components.items()
    }
    assert tryton.rows(moves.format("production_output"), header[0]) == [(asked.material, 4, "production", "storage")]


async def test_planned_goods_can_be_promised_from_their_day_on_until_the_order_is_cancelled(tryton):
    asked = tryton.production()
    days = TODAY, DAY + timedelta(days=1)
    before = [await tryton.available(asked.material, day) for day in days]
    made = await production_order_create(tryton.client, asked)
    assert None not in before
    assert [await tryton.available(asked.material, day) for day in days] == [before[0], before[1] + 4]
    await production_order_cancel(tryton.client, made.compensation())
    assert [await tryton.available(asked.material, day) for day in days] == before


async def test_goods_planned_for_later_are_not_promised_before_however_late_it_is_for_us(tryton):
    asked = tryton.production()
    before = await tryton.available(asked.material)
    made = await production_order_create(tryton.client, asked)
    tryton.port.clock = WrongClock(DAY - TODAY + timedelta(days=2))
    assert await tryton.available(asked.material) == before
    await production_order_cancel(tryton.client, made.compensation())


async def test_production_order_that_gets_its_number_keeps_its_identity_and_is_cancelled_once(tryton):
    asked = tryton.production()
    made = await production_order_create(tryton.client, asked)
    await tryton.client.call("production", "wait", [int(made.production_order_id[1:])])
    (released,) = await tryton.productions(asked.external_reference)
    assert (released.state, released.ids[1]) == ("released", made.production_order_id)
    assert released.ids[0] != made.production_order_id
    for request in (made.compensation(), released.result().compensation()):
        await production_order_cancel(tryton.client, request)
        (found,) = await tryton.productions(asked.external_reference)
        assert (found.void, request.concerns(found), request.differences(found)) == (True, True, ())


async def test_production_order_whose_components_were_taken_is_not_cancelled(tryton):
    asked = tryton.production()
    made = await production_order_create(tryton.client, asked)
    for button in ("wait", "assign_try", "run"):
        await tryton.client.call("production", button, [int(made.production_order_id[1:])])
    with pytest.raises(ValidationFailed, match="it is running"):
        await production_order_cancel(tryton.client, made.compensation())
    (found,) = await tryton.productions(asked.external_reference)
    assert found.state == "started"
    await tryton.client.call("production", "do", [int(made.production_order_id[1:])])
    (found,) = await tryton.productions(asked.external_reference)
    assert found.state == "finished"


async def test_production_order_with_another_reference_is_not_touched(tryton):
    asked = tryton.production()
    made = await production_order_create(tryton.client, asked)
    wrong = made.compensation().model_copy(update={"external_reference": "MAKE-OTHER"})
    with pytest.raises(ValidationFailed, match="MAKE-OTHER"):
        await production_order_cancel(tryton.client, wrong)
    gone = made.compensation().model_copy(update={"production_order_id": "#999999"})
    with pytest.raises(DocumentNotFound, match="#999999"):
        await production_order_cancel(tryton.client, gone)
    assert not (await tryton.productions(asked.external_reference))[0].void


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"material": "NOPE"}, MaterialUnknown),
        ({"unit": "kg"}, ValidationFailed),
        ({"unit": "barrel"}, ValidationFailed),
        ({"site": "9999"}, ValidationFailed),
        ({"quantity": Decimal("1.5")}, ValidationFailed),
    ],
    ids=lambda value: "=".join(map(str, *value.items())) if isinstance(value, dict) else "",
)
async def test_production_order_tryton_cannot_make_is_refused_and_nothing_is_written(tryton, changes, error):
    await _assert_refused(tryton, tryton.production(**changes), error)


async def test_material_that_nobody_makes_is_refused_and_nothing_is_written(tryton):
    service = next(each.code.upper() for each in tryton.data.products if not each.is_goods)
    await _assert_refused(tryton, tryton.production(material=service), MaterialUnknown)
    await _assert_refused(tryton, tryton.production(material=tryton.goods(5)), ValidationFailed)


async def _assert_refused(tryton: Tryton, asked: ProductionOrder, error: type[Exception]) -> None:
    with pytest.raises(error):
        await production_order_create(tryton.client, asked)
    assert tryton.rows("SELECT COUNT(*) FROM production WHERE reference = ?", asked.external_reference) == [(0,)]


async def test_production_order_whose_answer_is_lost_is_found_equal(tryton):
    asked = tryton.production()
    async with tryton.struck("production.create", MISHAPS["reset after commit"]) as client:
        with pytest.raises(UnknownOutcome):
            await production_order_create(client, asked)
    verdict = judge(PRODUCTION_ORDER_CREATE, asked, await production_order_find(tryton.client, asked.lookup()))
    assert (verdict.kind, len(verdict.documents)) == ("equal", 1)


async def test_production_orders_with_one_reference_are_all_found_oldest_first(tryton):
    asked = tryton.production()
    made = [await production_order_create(tryton.client, asked) for _ in range(2)]
    found = await tryton.productions(asked.external_reference)
    assert [each.production_order_id for each in found] == [each.production_order_id for each in made]


class PlanAndDelivery(Record):
    production: ProductionOrder
    delivery: ShipmentDeliver


async def _planned_and_delivered(run: Run) -> BotResult:
    assert isinstance(run.item, PlanAndDelivery)
    async with run.saga():
        await run.perform("erp", PRODUCTION_ORDER_CREATE, run.item.production)
        await run.perform("erp", SHIPMENT_DELIVER, run.item.delivery)
    return BotResult(outcome="delivered")


@pytest.mark.parametrize("call", ["production.create", f"{SHIPMENT}.assign_try", f"{SHIPMENT}.pick", f"{SHIPMENT}.do"])
async def test_run_plans_once_and_delivers_once_though_an_answer_is_lost(tryton, tmp_path: Path, call):
    delivery = await tryton.delivery(tryton.goods(5))
    before = tryton.on_hand(tryton.goods(5))
    work = PlanAndDelivery(production=tryton.production(), delivery=delivery.deliver())
    async with tryton.struck(call, MISHAPS["reset after commit"]) as client:
        channel = ApiChannel("erp", client.http, client, RUNGS)
        system = System("erp", "tryton", {"api": channel}, dict.fromkeys(RUNGS, Rungs(("api",), 1.0, 1.0)))
        database = open_database(tmp_path / "engine.db")
        try:
            bots = {"plan": Bot("plan", PlanAndDelivery, _planned_and_delivered, systems={"erp": system})}
            engine = Engine(database, bots, Codec(Vault(Vault.new_key())), systems={"erp": system})
            await engine.start("plan", [Work(delivery.external_reference, work)])
            await engine.work(patience_s=5)
            ended = await database.read(lambda connection: runs.list_newest(connection, 10))
            opened = await database.read(lambda connection: tickets.list_newest(connection, 10))
        finally:
            await database.close()
    assert [run.outcome for run in ended if run.bot == "plan"] == ["delivered"]
    assert opened == []
    (planned,) = await tryton.productions(work.production.external_reference)
    assert (planned.state, tryton.on_hand(tryton.goods(5))) == ("planned", before - 2)
