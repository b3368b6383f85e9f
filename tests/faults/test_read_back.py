"""What a read-back over real HTTP finds beside, or instead of, the order that was asked for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from fixtures.sap_s4hana.sales_order import ItemRequest, OrderRequest
from tandem.domain.sales_order import SalesOrder
from tandem.engine.engine import Engine, Tally
from tandem.engine.system import Rungs
from tandem.store import tickets
from tandem.store.opening import open_database
from tandem.store.tickets import Ticket
from tests.faults.site import API, BOT, api_engine, one_order, work
from tests.sap_pages import SapPages, sap_pages

LOST = "lost_answer:sales_order.create:x1"


@dataclass
class Desk:
    """The engine at a sandbox whose orders people write too."""

    sap: SapPages
    engine: Engine

    async def run(self, order: SalesOrder) -> Tally:
        await self.engine.start(BOT, [work(order)])
        return await self.engine.work(patience_s=5.0)

    async def ticket(self) -> Ticket:
        """The only one."""
        (found,) = await self.engine.database.read(lambda connection: tickets.list_newest(connection, 5))
        return found

    def keyed(self, order: SalesOrder) -> str:
        """A person keys the same order in; its number."""
        return self.sap.books.create_sales_order(as_keyed(order), user="MILLER").number

    def standing(self, order: SalesOrder) -> list[str]:
        found = self.sap.books.find_sales_orders(reference=order.external_reference)
        return [stored.number for stored in found if not stored.rejected]


def as_keyed(order: SalesOrder) -> OrderRequest:
    items = tuple(
        ItemRequest(
            material=line.material,
            quantity=line.quantity,
            number=line.line_number,
            unit=line.unit,
            plant=line.site,
            price=line.net_price,
        )
        for line in order.lines
    )
    return OrderRequest(
        items=items,
        currency=order.currency,
        requested_on=order.requested_delivery_on,
        sold_to=order.sold_to_party,
        reference=order.external_reference,
        order_type="OR",
        sales_organization="1710",
        distribution_channel="10",
        division="00",
    )


@asynccontextmanager
async def desk(folder: Path, *rules: str, cancels: bool = True, look_first: bool = False) -> AsyncIterator[Desk]:
    rungs = Rungs(("api",), settle_s=0.5, late_s=1.0, look_first=look_first)
    operations = {name: rungs for name in API if cancels or name != "sales_order.cancel"}
    async with (
        sap_pages(*rules) as sandbox,
        api_engine(sandbox.url, open_database(folder / "tandem.db"), one_order, operations) as engine,
    ):
        yield Desk(sandbox, engine)


async def test_two_documents_after_a_lost_answer_keep_the_first_and_cancel_the_other(tmp_path: Path) -> None:
    async with desk(tmp_path, LOST) as office:
        order = office.sap.order("TWICE-1")
        first = office.keyed(order)
        tally = await office.run(order)
        assert tally.finished == {"created": 1}
        assert office.standing(order) == [first]
        ticket = await office.ticket()
        assert ticket.kind == "written_twice"
        assert (ticket.error["fields"]["kept"], ticket.error["fields"]["left"]) == (first, "none")


async def test_three_documents_before_the_first_attempt_keep_the_first_and_write_none(tmp_path: Path) -> None:
    async with desk(tmp_path, look_first=True) as office:
        order = office.sap.order("TWICE-2")
        first, *others = [office.keyed(order) for _ in range(3)]
        tally = await office.run(order)
        assert tally.finished == {"created": 1}
        assert office.standing(order) == [first]
        assert (await office.ticket()).error["fields"]["cancelled"] == ", ".join(others)
        assert len(office.sap.books.find_sales_orders(reference=order.external_reference)) == 3


async def test_vendor_that_cannot_cancel_leaves_the_others_to_a_person(tmp_path: Path) -> None:
    async with desk(tmp_path, cancels=False, look_first=True) as office:
        order = office.sap.order("TWICE-3")
        numbers = [office.keyed(order), office.keyed(order)]
        await office.run(order)
        assert office.standing(order) == numbers
        fields = (await office.ticket()).error["fields"]
        assert (fields["kept"], fields["cancelled"], fields["left"]) == (numbers[0], "none", numbers[1])


async def test_document_that_somebody_holds_is_named_as_still_there(tmp_path: Path) -> None:
    async with desk(tmp_path, look_first=True) as office:
        order = office.sap.order("TWICE-4")
        numbers = [office.keyed(order) for _ in range(3)]
        office.sap.books.lock(numbers[1], "MILLER")
        await office.run(order)
        assert office.standing(order) == numbers[:2]
        fields = (await office.ticket()).error["fields"]
        assert (fields["cancelled"], fields["left"]) == (numbers[2], numbers[1])


CHANGES = {
    "sold_to_party": lambda order, other: order.model_copy(update={"sold_to_party": other}),
    "currency": lambda order, other: order.model_copy(update={"currency": "EUR"}),
    "requested_delivery_on": lambda order, other: order.model_copy(update={"requested_delivery_on": date(2027, 1, 4)}),
    "line 10 material": lambda order, other: _line(order, material=order.lines[1].material),
    "line 10 quantity": lambda order, other: _line(order, quantity=Decimal(7)),
    "line 10 net_price": lambda order, other: _line(order, net_price=Decimal("1.10")),
    "line 20 material": lambda order, other: order.model_copy(update={"lines": order.lines[:1]}),
}


def _line(order: SalesOrder, **changes: object) -> SalesOrder:
    return order.model_copy(update={"lines": (order.lines[0].model_copy(update=changes), *order.lines[1:])})


@pytest.mark.parametrize("field", CHANGES)
async def test_document_that_differs_is_a_ticket_with_that_field_and_no_write(tmp_path: Path, field: str) -> None:
    async with desk(tmp_path, look_first=True) as office:
        order = office.sap.order("OTHER-1")
        other = next(number for number, each in office.sap.books.customers.items() if number != order.sold_to_party)
        office.sap.books.customers[other] = replace(office.sap.books.customers[other], order_block="")
        number = office.keyed(CHANGES[field](order, other))
        tally = await office.run(order)
        assert tally.waiting == 1
        ticket = await office.ticket()
        assert ticket.kind == "written_differently"
        assert ticket.error["fields"]["document"] == number
        assert [part.split(": ")[0] for part in ticket.error["fields"]["fields"].split("; ")] == [field]
        assert office.standing(order) == [number]


async def test_every_field_that_differs_is_named_at_once(tmp_path: Path) -> None:
    async with desk(tmp_path, look_first=True) as office:
        order = office.sap.order("OTHER-2")
        keyed = _line(order, quantity=Decimal(7), net_price=Decimal(2)).model_copy(update={"currency": "USD"})
        office.keyed(keyed)
        await office.run(order)
        text = (await office.ticket()).error["fields"]["fields"]
        assert text == (
            "currency: asked 'GBP', found 'USD'; line 10 quantity: asked '1', found '7'; "
            "line 10 net_price: asked '1.15', found '2'"
        )
