"""What the store says of one order when everything is at rest: its runs, their journals, and the tickets."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tandem.engine.late_look import BOT as LATE_LOOK
from tandem.engine.steps import UNDO, StepState, fold
from tandem.store import journal
from tandem.store.runs import RunRow
from tandem.store.tickets import Ticket, TicketKind

if TYPE_CHECKING:
    from tests.simulation.world import World

_NUMBER = re.compile(r"\berp-\d+\b")
_TWIN = re.compile(r"(?:~cancel |\.void\[)(erp-\d+)")
_STANDS = {
    "written_twice": ("kept", "left", "twins"),
    "written_differently": ("document",),
    "not_compensated": ("document",),
    "outcome_unknown": ("document",),
}
"""In which of its fields a ticket of a kind names documents that stand."""


@dataclass(frozen=True)
class Account:
    """``runs``: those that were to make the order; ``looks``: the late looks for what they wrote; ``tickets``: the open
    ones; ``settled``: those that a person has settled, of all orders both.
    """

    reference: str
    runs: list[RunRow]
    looks: list[RunRow]
    tickets: list[Ticket]
    settled: list[Ticket]
    steps: dict[str, dict[str, StepState]]

    def created_by(self) -> list[RunRow]:
        """The runs that ended with the order made."""
        return [run for run in self.runs if run.outcome == "created"]

    def made(self, run: RunRow, kind: str) -> StepState | None:
        """The run's step that makes a document of that kind, if it has begun."""
        return self.steps[run.id].get(f"erp.{kind}.create")

    def held(self, run: RunRow, kind: str) -> str | None:
        """The document that a run knows as its own."""
        step = self.made(run, kind)
        return None if step is None or step.completed is None or step.undone else str(step.completed.get("document"))

    def undoing(self, run: RunRow, kind: str) -> StepState | None:
        """The run's step that undoes its document of that kind, if it has begun."""
        return self.steps[run.id].get(f"erp.{kind}.create{UNDO}")

    def is_undoing(self, run: RunRow) -> bool:
        """Whether the run's saga was refused, so that what it holds is to go."""
        is_refused = any(ticket.kind == "business_exception" for ticket in self.stopping(run))
        return is_refused or any(name.endswith(UNDO) for name in self.steps[run.id])

    def stopping(self, run: RunRow, step: str | None = None) -> list[Ticket]:
        """The open tickets that stop the run, at that step."""
        return [
            ticket for ticket in self.tickets
            if any(link.run_id == run.id and link.blocking and step in (None, link.step) for link in ticket.runs)
        ]  # fmt: skip

    def named(self, kind: str) -> set[str]:
        """The documents of which an open ticket says that they stand."""
        return {number for ticket in self._about(kind) for number in _named(ticket, _STANDS.get(ticket.kind, ()))}

    def cancelled(self, kind: str) -> set[str]:
        """The documents of which an open ticket says that they were cancelled."""
        return {number for ticket in self._about(kind) for number in _numbers(ticket, ("cancelled",))}

    def twins_cancelled(self, kind: str) -> set[str]:
        """The documents that a run or a late look made void because they stood beside another one."""
        names = [
            name
            for row in (*self.runs, *self.looks)
            for name, step in self.steps[row.id].items()
            if step.completed is not None and name.startswith(f"erp.{kind}.")
        ]
        return {found[1] for name in names if (found := _TWIN.search(name))}

    def twins_told(self) -> set[str]:
        """The documents of which a ticket, open or settled, says that they stood beside another one and are void."""
        tickets = [ticket for ticket in (*self.tickets, *self.settled) if ticket.kind == "written_twice"]
        return {number for ticket in tickets for number in _numbers(ticket, ("cancelled",))}

    def tells(self, kind: str, of: TicketKind) -> bool:
        """Whether there is an open ticket of that kind about the order's documents of a kind."""
        return any(ticket.kind == of for ticket in self._about(kind))

    def is_in_doubt(self, kind: str) -> bool:
        """Whether a run waits to be told, or a late look waits to find out, what stands of a kind."""
        return any(self._doubts(run, kind) for run in self.runs) or any(
            look.status != "finished" and str(look.input["operation"]).startswith(kind) for look in self.looks
        )

    def _doubts(self, run: RunRow, kind: str) -> bool:
        step = self.made(run, kind)
        if step is None or step.doubt is None or step.completed is not None or run.status == "finished":
            return False
        return bool(self.stopping(run, step.name)) or not self.stopping(run)

    def is_refused(self) -> bool:
        """Whether a rule or a vendor said no to a run, or the bot did."""
        return any(
            run.input["short"] or any(step.refused is not None for step in self.steps[run.id].values())
            for run in self.runs
        )

    def _about(self, kind: str) -> Iterator[Ticket]:
        for ticket in self.tickets:
            references = {ticket.reference, *(link.reference for link in ticket.runs)}
            if self.reference in references and ticket.operation.startswith(kind):
                yield ticket


def accounts(world: "World", rows: list[RunRow]) -> list[Account]:
    """One for each order that was announced."""
    tickets, settled = world.open_tickets(), world.settled_tickets()
    steps = {row.id: fold(world.read(lambda connection, it=row.id: journal.load(connection, it))) for row in rows}
    found = []
    for reference in world.items:
        runs = [row for row in rows if row.bot == "sync" and row.input["reference"] == reference]
        ids = {row.id for row in runs}
        looks = [row for row in rows if row.bot == LATE_LOOK and row.input["run_id"] in ids]
        found.append(Account(reference, runs, looks, tickets, settled, steps))
    return found


def _named(ticket: Ticket, fields: tuple[str, ...]) -> set[str]:
    return _numbers(ticket, fields) - _numbers(ticket, ("cancelled",))


def _numbers(ticket: Ticket, fields: tuple[str, ...]) -> set[str]:
    said = ticket.error["fields"]
    return {number for name in fields for number in _NUMBER.findall(str(said.get(name, "")))}
