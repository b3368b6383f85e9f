"""Settling tickets: try again, or accept what a person did by hand once the books show it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection

from tandem.domain.operation import Document, Found, Operation, Write, operation_named, operation_names
from tandem.domain.record import Record
from tandem.engine.climb import Context
from tandem.engine.engine import Engine
from tandem.engine.journal import Journal
from tandem.engine.late_look import LateLook, schedule
from tandem.engine.observation import observe
from tandem.engine.read_back import concerned, describe, numbers
from tandem.engine.steps import UNDO, StepState
from tandem.engine.suspension import Fenced
from tandem.engine.tickets import Ticketing
from tandem.errors import UsageError
from tandem.store import audit, runs, tickets
from tandem.store import journal as journal_rows
from tandem.store.tickets import Ticket, TicketRun
from tandem.text import phrase


class Settlement:
    """What people do to tickets; ``actor`` goes into the audit trail. The runs become ready for ``Engine.work``.

    Workers may be at work meanwhile. A run that they take before the ticket is settled undoes the settlement; one that
    meets the ticket's fault before then keeps the ticket open, for itself.
    """

    def __init__(self, engine: Engine, actor: str) -> None:
        self._engine, self._actor = engine, actor
        self._fenced: dict[str, int] = {}

    async def retry(self, ticket_id: int) -> list[str]:
        """Let the runs that the ticket stopped try again where they stopped; their ids."""
        ticket = await self._open_ticket(ticket_id)
        stopped = [link for link in ticket.runs if link.blocking]
        for link in stopped:
            journal = await self._journal(link.run_id)
            if journal is not None:
                with _undisturbed():
                    await self._reopen(journal, link.step)
        return await self._close(ticket, "retried", stopped, {})

    async def resolve(
        self, ticket_id: int, *, document: str | None = None, reference: str | None = None, answer: str | None = None
    ) -> list[str]:
        """Settle a ticket with what was done by hand; the ids of the runs that go on.

        ``document``: the number of the document that a person made; it must be in the vendor's books with the
        external reference and the asked values. ``reference``: which order, when the ticket stopped several.
        ``answer``: to a question. Raises UsageError when it does not fit or the books say otherwise.
        """
        ticket = await self._open_ticket(ticket_id)
        stopped = [link for link in ticket.runs if link.blocking]
        if not stopped:
            return await self._close(ticket, "resolved", [], {"document": document})
        if _only_reads(ticket.operation):
            raise _only_retried(ticket, ticket.operation)
        chosen = _choose(ticket, stopped, reference)
        journal = await self._journal(chosen.run_id)
        if journal is not None:
            with _undisturbed():
                await self._settle(ticket, journal, chosen, document, answer)
        if len(stopped) == 1:
            return await self._close(ticket, "resolved", [chosen], {"document": document, "answer": answer})
        return await self._let_go(ticket, "resolved", [chosen], {"document": document})

    async def _settle(
        self, ticket: Ticket, journal: Journal, link: TicketRun, document: str | None, answer: str | None
    ) -> None:
        step = journal.step(link.step)
        if ticket.kind == "question":
            await self._answer(ticket, journal, step, answer)
        elif step.operation is None:
            raise _only_retried(ticket, step.name or ticket.operation)
        elif document is not None:
            result = await self._proved(step, journal, document)
            self._look_late(step, journal)
            body = {
                "result": self._engine.codec.dump(result),
                "document": getattr(result, "document_id", document),
                "via": "person",
            }
            await journal.append(step.name, "completed", body | {"actor": self._actor})
        else:
            raise UsageError(
                "Ticket {ticket} stopped {operation} {reference}: give the number of the document made by hand "
                "(--document), or retry the ticket.",
                ticket=ticket.id,
                operation=step.operation,
                reference=link.reference,
            )

    def _look_late(self, step: StepState, journal: Journal) -> None:
        """What an attempt in doubt wrote may still appear beside the document made by hand."""
        if step.doubt is not None and step.operation is not None and step.system is not None:
            rungs = self._engine.systems[step.system].rungs(step.operation)
            look = LateLook(
                run_id=journal.run_id,
                step=step.name,
                system=step.system,
                operation=step.operation,
                request=step.request,
            )
            schedule(self._context(journal), look, step.doubt.number, rungs.late_s if rungs else 0.0)

    async def _answer(self, ticket: Ticket, journal: Journal, step: StepState, answer: str | None) -> None:
        choices = str(ticket.error["fields"]["choices"]).split(", ")
        if answer not in choices:
            raise UsageError(
                "Ticket {ticket} asks a question: answer with --answer and one of {choices}.",
                ticket=ticket.id,
                choices=", ".join(choices),
            )
        await journal.append(step.name, "value", {"value": answer})

    async def _proved(self, step: StepState, journal: Journal, document: str) -> Record:
        operation = operation_named(step.operation) if step.operation else None
        if operation is None or operation.read_back is None:
            raise UsageError(
                "Step {step} is no write with a read-back, so no document can settle it. Retry the ticket instead.",
                step=step.name or "of the bot itself",
            )
        request = self._engine.codec.load(operation.request, step.request)
        found = await self._find(step, journal, operation, request)
        standing = [item for item in found if not item.void]
        if operation.effect == "create" and len(standing) > 1:
            raise UsageError(
                "{reference} stands {count} times: {found}. Cancel all but one, then resolve the ticket again.",
                reference=cast(Write, request).external_reference,
                count=len(standing),
                found=", ".join(item.document_id for item in standing),
            )
        found = tuple(standing) if operation.effect == "create" else found
        same = [item for item in found if item.document_id.lstrip("0") == document.lstrip("0")]
        if same and not concerned(cast(Write, request), same):
            raise UsageError(
                "The ticket is about document {found}, not about document {document}. Settle it with that number, or "
                "retry it.",
                document=document,
                found=numbers(concerned(cast(Write, request), found)),
            )
        if not same:
            raise UsageError(
                "Document {document} does not carry the external reference {reference}. Found with it: {found}. "
                "Enter the reference in the document, or give the number of the right one.",
                document=document,
                reference=cast(Write, request).external_reference,
                found=numbers(found),
            )
        differences = cast(Write, request).differences(same[0])
        if differences:
            raise UsageError(
                "Document {document} is not what was asked: {fields}. Correct it, then resolve the ticket again.",
                document=document,
                fields=describe(differences),
            )
        return same[0].result()

    async def _find(
        self, step: StepState, journal: Journal, operation: Operation[Any, Any], request: Record
    ) -> tuple[Document, ...]:
        system = self._engine.systems[step.system or ""]
        lookup = cast(Write, request).lookup()
        found = await observe(
            self._context(journal), system, step.name, operation_named(str(operation.read_back)), lookup
        )
        return cast(Found, found).documents

    def _context(self, journal: Journal) -> Context:
        engine = self._engine
        return Context(journal, engine.codec, engine.clock, Ticketing(engine.clock, journal), engine.new_id)

    async def _reopen(self, journal: Journal, step: str) -> None:
        undone = set() if step.endswith(UNDO) else {state.name for state in journal.steps if state.undone}
        for state in journal.steps:
            if state.name == step or state.name.removesuffix(UNDO) in undone:
                journal.note(state.name, "reopened", {"actor": self._actor})
        await journal.flush()

    async def _journal(self, run_id: str) -> Journal | None:
        """The journal of a run that does not execute, to be written by us alone; None when it has ended.

        A run that several tickets stopped is ready once the first of them is settled. Raises UsageError while the run
        executes: it may be about to wait for this very ticket.
        """
        row = await self._engine.database.write(lambda connection: runs.fence(connection, run_id))
        if row is None:
            found = await self._engine.database.read(lambda connection: runs.find(connection, run_id))
            if found is None or found.status == "finished":
                return None
            raise _under_way()
        self._fenced[run_id] = row.epoch
        entries = await self._engine.database.read(lambda connection: journal_rows.load(connection, run_id))
        return Journal(self._engine.database, self._engine.clock, run_id, row.epoch, entries)

    async def _open_ticket(self, ticket_id: int) -> Ticket:
        ticket = await self._engine.database.read(lambda connection: tickets.find(connection, ticket_id))
        if ticket is None:
            raise UsageError("There is no ticket {ticket}. List them with: tandem tickets list", ticket=ticket_id)
        if ticket.status != "open":
            raise _settled(ticket)
        if ticket.kind == "schedule_failed":
            raise UsageError(
                "Ticket {ticket} is closed by schedule {schedule} itself, as soon as it can fire again. Remove the "
                "cause; to try at once: tandem schedules fire {schedule}",
                ticket=ticket_id,
                schedule=ticket.reference,
            )
        return ticket

    async def _close(self, ticket: Ticket, how: str, links: Sequence[TicketRun], detail: dict[str, Any]) -> list[str]:
        """Close the ticket that stopped these runs, or take them off it where others have met the fault meanwhile."""

        def write(connection: Connection) -> list[str]:
            if not tickets.resolve(connection, ticket.id, how, self._engine.clock.now()):
                raise _settled(tickets.find(connection, ticket.id) or ticket)
            if tickets.stopped_by(connection, ticket.id) - {link.run_id for link in links}:
                raise _MetAgain
            return self._wake(connection, ticket, how, links, detail)

        try:
            return await self._engine.database.write(write)
        except _MetAgain:
            return await self._let_go(ticket, how, links, detail)

    async def _let_go(self, ticket: Ticket, how: str, links: Sequence[TicketRun], detail: dict[str, Any]) -> list[str]:
        def write(connection: Connection) -> list[str]:
            for link in links:
                tickets.unlink(connection, ticket.id, link.run_id, link.step)
            return self._wake(connection, ticket, how, links, detail)

        return await self._engine.database.write(write)

    def _wake(
        self, connection: Connection, ticket: Ticket, how: str, links: Sequence[TicketRun], detail: dict[str, Any]
    ) -> list[str]:
        if not all(runs.is_held(connection, run_id, epoch) for run_id, epoch in self._fenced.items()):
            raise _under_way()
        run_ids = list(dict.fromkeys(link.run_id for link in links))
        runs.make_ready(connection, run_ids)
        audit.record(
            connection,
            at=self._engine.clock.now(),
            actor=self._actor,
            action=f"ticket.{how}",
            subject=f"ticket {ticket.id}",
            detail={"runs": run_ids, **detail},
        )
        return run_ids


class _MetAgain(Exception):
    """Another run has met the ticket's fault since it was read."""


_HOW = {
    "retried": phrase("what it stopped was set going again"),
    "resolved": phrase("a person told what was done by hand"),
    "fired": phrase("its schedule has fired since"),
}
"""How a ticket was settled, by its resolution."""


def _settled(ticket: Ticket) -> UsageError:
    return UsageError(
        "Ticket {ticket} is settled already: {what}.", ticket=ticket.id, what=_HOW[str(ticket.resolution)]
    )


def _under_way() -> UsageError:
    return UsageError("A run that this ticket stopped is being worked on at this moment. Try again in a minute.")


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A worker or another person that takes the run meanwhile fences us: nothing of this settlement counts."""
    try:
        yield
    except Fenced:
        raise _under_way() from None


def _only_reads(names: str) -> bool:
    return all(name in operation_names() and not operation_named(name).writes for name in names.split(", "))


def _only_retried(ticket: Ticket, what: str) -> UsageError:
    return UsageError(
        "Ticket {ticket} stopped {what}, which had nothing to write: it can only be retried, with: tandem tickets "
        "retry {ticket}",
        ticket=ticket.id,
        what=what,
    )


def _choose(ticket: Ticket, stopped: Sequence[TicketRun], reference: str | None) -> TicketRun:
    if len(stopped) == 1 and reference is None:
        return stopped[0]
    found = [link for link in stopped if link.reference == reference]
    if len(found) != 1:
        raise UsageError(
            "Ticket {ticket} stopped {count} runs: say which one with --reference, one of {references}.",
            ticket=ticket.id,
            count=len(stopped),
            references=", ".join(sorted(str(link.reference) for link in stopped)),
        )
    return found[0]
