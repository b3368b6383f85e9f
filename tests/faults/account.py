"""What a cell came to: the sandbox's books against Tandem's."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from fixtures.sap_s4hana.sales_order import SalesOrder as Stored
from tandem.domain.sales_order import SalesOrder
from tandem.engine.engine import Engine
from tandem.http.breaker import OPEN_S
from tandem.store import runs, tickets
from tandem.store.runs import RunRow
from tandem.store.tickets import Ticket
from tests.faults.cells import Cell
from tests.faults.site import BOT, Site, work

_PATIENCE_S = OPEN_S + 5.0
"""A circuit that opens is waited for."""


@dataclass(frozen=True)
class Account:
    """``struck``: how many requests the fault hit. ``made``: every document written, cancelled ones included."""

    asked: SalesOrder
    struck: int
    made: Sequence[Stored]
    run: RunRow
    tickets: Sequence[Ticket]

    @property
    def standing(self) -> list[Stored]:
        """The documents that count."""
        return [order for order in self.made if not order.rejected]

    @property
    def undone(self) -> int:
        """Twins that were noticed and cancelled."""
        return len(self.made) - len(self.standing)

    @property
    def created(self) -> bool:
        """Whether Tandem says that the order is made."""
        return self.run.outcome == "created"

    @property
    def ticketed(self) -> bool:
        return bool(self.tickets)

    @property
    def refused(self) -> bool:
        """Whether the vendor said no, which a ticket tells."""
        return any(ticket.kind == "business_exception" for ticket in self.tickets)

    @property
    def duplicates(self) -> int:
        """Documents too many that stand and that no ticket asks about."""
        told = any(ticket.kind == "written_twice" for ticket in self.tickets)
        return 0 if told or not self.standing else len(self.standing) - 1

    @property
    def lost(self) -> int:
        """1 when the order does not stand and no ticket says so."""
        return int(not self.standing and (self.created or not self.ticketed))

    @property
    def wrong(self) -> int:
        """Documents that stand otherwise than asked, and that no ticket asks about."""
        return 0 if self.ticketed else sum(not _equal(self.asked, order) for order in self.standing)

    @property
    def exactly_once(self) -> bool:
        """Made without a person: one document, as asked."""
        return self.created and len(self.standing) == 1 and _equal(self.asked, self.standing[0])

    def __str__(self) -> str:
        kinds = ", ".join(ticket.kind for ticket in self.tickets) or "none"
        return (
            f"{self.run.status}/{self.run.outcome}; struck {self.struck}, made {len(self.made)}, undone {self.undone}; "
            f"tickets: {kinds}"
        )


async def played(site: Site, cell: Cell, *, asked: SalesOrder | None = None) -> Account:
    """Play one cell to its end: the run is finished or waits for a person, and nothing is under way at the vendor."""
    books, faults = site.sap.books, site.sap.faults
    asked = asked or site.sap.order(cell.reference)
    before, drawn = {order.number for order in books.sales_orders()}, len(faults.drawn)
    async with site.engine(cell) as engine:
        (run_id,) = await engine.start(BOT, [work(asked)])
        for rule in cell.rules:
            faults.add(rule)
        try:
            await engine.work(patience_s=_PATIENCE_S)
            await asyncio.sleep(cell.strike.lasts_s)
        finally:
            faults.clear()
        made = [order for order in books.sales_orders() if order.number not in before]
        return await _account(engine, run_id, asked, len(faults.drawn) - drawn, made)


async def _account(engine: Engine, run_id: str, asked: SalesOrder, struck: int, made: Sequence[Stored]) -> Account:
    row = await engine.database.read(lambda connection: runs.find(connection, run_id))
    assert row is not None
    found = await engine.database.read(lambda connection: tickets.list_newest(connection, 10))
    return Account(asked, struck, made, row, found)


def _equal(asked: SalesOrder, stored: Stored) -> bool:
    """Every field of the form, to the last decimal."""
    head = (asked.external_reference, asked.sold_to_party, asked.currency, asked.requested_delivery_on)
    lines = [
        (line.line_number, line.material, line.quantity, line.unit, line.site, line.net_price) for line in asked.lines
    ]
    items = [
        (item.number, item.material, item.quantity, item.unit, item.plant, item.price) for item in stored.items.values()
    ]
    return (stored.reference, stored.sold_to, stored.currency, stored.requested_on) == head and lines == items
