"""The person who settles tickets, as their texts say: looks into the vendor's books, corrects them by hand, and tells
Tandem. A ticket that only the bot's author can settle stays open."""

from typing import TYPE_CHECKING

from tandem.engine.settlement import Settlement
from tandem.engine.steps import UNDO
from tandem.errors import TandemError
from tandem.store.tickets import Ticket, TicketRun
from tests.simulation.business import GOODS
from tests.simulation.vendor import LATEST_COMMIT_S, LONGEST_LAG_S, Kept

if TYPE_CHECKING:
    from tests.simulation.worker import Worker
    from tests.simulation.world import World

_CAREFUL_S = LATEST_COMMIT_S + LONGEST_LAG_S


class Person:
    """Looks now and then. A careful one waits until the vendor can commit no more before believing its books; how long,
    the clock on the wall says, not that of a machine."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._careful = world.random.random() < 0.5
        self._seen_at_s: dict[tuple[int, int], float] = {}

    def look(self) -> None:
        world = self._world
        awake = [worker for worker in world.workers if worker.process.alive and not worker.process.stopped]
        for ticket in world.open_tickets():
            if awake and self._settles(ticket):
                worker = world.random.choice(awake)
                worker.process.run(self._settle(worker, ticket))

    def hopeless(self, ticket: Ticket) -> bool:
        """Whether trying again meets the same end for ever: a rule's no, or a key that a void paper keeps."""
        named = ticket.error["fields"].get("document")
        keeps_the_key = any(kept.number == named and kept.void for kept in self._world.erp.books)
        return keeps_the_key or ticket.kind == "business_exception" or ticket.error["code"] == "duplicate_reference"

    def _settles(self, ticket: Ticket) -> bool:
        if self.hopeless(ticket):
            return False
        blind = "sim_posting" in ticket.operation
        now_s = self._world.loop.time()
        age_s = now_s - self._seen_at_s.setdefault((ticket.id, ticket.count), now_s)
        return age_s > _CAREFUL_S or not (self._careful or blind)

    async def _settle(self, worker: "Worker", ticket: Ticket) -> None:
        settlement = Settlement(worker.engine, "clerk")
        stopped = [link for link in ticket.runs if link.blocking]
        try:
            document = self._correct_books(ticket, stopped[0]) if stopped else self._put_right(ticket)
            if document is None and stopped:
                await settlement.retry(ticket.id)
            else:
                reference = stopped[0].reference if stopped else None
                await settlement.resolve(ticket.id, document=document, reference=reference)
        except TandemError as error:
            self._world.tell(f"person on ticket {ticket.id}: {error}")
        else:
            self._world.tell(f"person settles ticket {ticket.id} ({ticket.kind}) with document {document}")
        self._world.nudge()

    def _correct_books(self, ticket: Ticket, link: TicketRun) -> str | None:
        """Do by hand what the ticket is about; the document to resolve it with, None when the run is to try again."""
        _, _, operation = link.step.partition(".")
        kind, _, verb = operation.removesuffix(UNDO).partition(".")
        if link.reference is None or kind not in GOODS:
            return None
        standing = self._world.erp.standing(kind, link.reference)
        if verb.startswith(("void[", "create~cancel ")):
            self._void([kept for kept in standing if kept.number in verb])
            return None
        if link.step.endswith(UNDO) or kind == "sim_posting":
            self._void(standing)
        if verb != "create" or link.step.endswith(UNDO) or kind == "sim_posting":
            return None
        self._void(standing[1:])
        if not standing:
            return self._made_by_hand(kind, link.reference)
        standing[0].asked = standing[0].asked.model_copy(update={"amount": self._world.items[link.reference].amount})
        return standing[0].number

    def _made_by_hand(self, kind: str, reference: str) -> str | None:
        world = self._world
        if world.random.random() < 0.7 or world.erp.kind in ("unique", "upsert"):
            return None
        kept = world.erp.keep(kind, world.asked(reference))
        world.tell(f"person makes {kind} {reference} as {kept.number}")
        return kept.number

    def _put_right(self, ticket: Ticket) -> None:
        """A ticket that stops nothing: leave the document that a run holds, or that the ticket says was kept, and none
        where there is none; and take back a change that no run wanted."""
        kind = ticket.operation.partition(".")[0]
        if ticket.reference is None or not kind.startswith("sim_"):
            return
        if kind == "sim_status":
            (status,) = self._world.crm.standing(kind, ticket.reference)
            status.asked = status.asked.model_copy(update={"amount": 0})
            self._world.tell(f"person takes the status of {ticket.reference} back")
            return
        standing = self._world.erp.standing(kind, ticket.reference)
        relied_on = self._world.held_documents() | set(str(ticket.error["fields"].get("kept", "")).split(", "))
        self._void([kept for kept in standing if kept.number not in relied_on])

    def _void(self, papers: list[Kept]) -> None:
        for kept in papers:
            self._world.erp.make_void(kept)
            self._world.tell(f"person makes {kept.kind} {kept.number} void")
