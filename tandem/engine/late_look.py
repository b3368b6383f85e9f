"""The second look: a write that was believed absent may still have been committed after all, and one in doubt that was
settled by a document with its reference may have a twin: the document may be another's.

It is a run of its own, of the engine's bot ``tandem.late_look``, so that it survives every crash. The store's clock
says when it is due: between two workers' clocks, of which one was put back, it would be made at once.

A twin is cancelled beside a document that a run knows as its own. Where none of them stands, the twin may be a
person's: a ticket asks. A change leaves no twin; one that was refused in the end, and stands all the same, is a ticket.
"""

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection

from tandem import log
from tandem.domain.clock import Clock
from tandem.domain.operation import Compensable, Document, Found, Operation, Write, ids_of, operation_named
from tandem.domain.record import Record
from tandem.engine.bot import Bot, BotResult
from tandem.engine.read_back import numbers
from tandem.engine.steps import StepState, fold
from tandem.engine.suspension import Suspended
from tandem.engine.system import System
from tandem.errors import BusinessError, NotCompensated, WrittenTwice
from tandem.store import journal as journal_rows
from tandem.store import runs
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.store.runs import RunRow
from tandem.store.store_clock import store_now
from tandem.text import listed

if TYPE_CHECKING:
    from tandem.engine.climb import Context
    from tandem.engine.run import Run

BOT = "tandem.late_look"
_LOOK_AGAIN_S, _DOUBLED_AT_MOST = 900.0, 6
"""Between looks while a run does not know yet what became of the write: it may wait for a person for days."""


class LateLook(Record):
    """Which write to look for: the step of the run that made it, and the request as the journal keeps it.

    ``due_at``: before when it would be too early, by the store's clock.
    """

    run_id: str
    step: str
    system: str
    operation: str
    request: Any
    due_at: datetime | None = None

    @property
    def business_key(self) -> str:
        return f"{BOT}|{self.run_id}|{self.step}"


def schedule(context: "Context", look: LateLook, attempt: int, late_s: float) -> None:
    """Make the run that looks once more, ``late_s`` from now; one for each attempt that came to nothing."""
    journal, now, run_id = context.journal, context.clock.now(), context.new_id()
    key = f"{look.business_key}|{attempt}"

    def add(connection: Connection) -> bool:
        is_held = runs.is_held(connection, journal.run_id, journal.epoch)
        if is_held:
            due_at = store_now(connection, now) + timedelta(seconds=late_s)
            item = look.model_copy(update={"due_at": due_at}).model_dump(mode="json")
            runs.add_waiting(connection, runs.NewRun(run_id, BOT, key, key, item), now, due_at)
        return is_held

    journal.alongside(add)


def bot(database: Database, codec: Codec, clock: Clock, systems: Mapping[str, System]) -> Bot:
    """The engine's own bot that carries late looks out."""

    async def process(run: "Run") -> BotResult:
        return await _Look(database, codec, clock, run, cast(LateLook, run.item)).result()

    return Bot(BOT, LateLook, process, systems=systems)


class _Look:
    def __init__(self, database: Database, codec: Codec, clock: Clock, run: "Run", look: LateLook) -> None:
        self._database, self._codec, self._clock, self._run, self._look = database, codec, clock, run, look

    async def result(self) -> BotResult:
        await self._until_due()
        for again in itertools.count():
            if await self._is_settled():
                break
            await self._run.sleep(_LOOK_AGAIN_S * 2 ** min(again, _DOUBLED_AT_MOST), key=str(again))
        operation = operation_named(self._look.operation)
        request = self._codec.load(operation.request, self._look.request)
        documents = await self._documents(operation, request)
        steps = [step for run in await self._runs() for step in await self._steps_of(run)]
        if operation.effect != "create":
            return await self._judge_change(operation, cast(Write, request), documents, steps)
        held = {_held(step) for step in steps}
        standing = [document for document in documents if not document.void]
        twins = [document for document in standing if held.isdisjoint(ids_of(document))]
        kept = [document.document_id for document in standing if document not in twins]
        if not twins:
            return BotResult(outcome="no_twin")
        cancelled, waiting = await self._cancel_all(operation, twins if kept else [])
        await self._ticket(operation, request, kept, twins, cancelled)
        if waiting is not None:
            raise waiting
        return BotResult(outcome="twin_found")

    async def _documents(self, operation: Operation[Any, Any], request: Record) -> tuple[Document, ...]:
        assert operation.read_back is not None
        lookup = cast(Write, request).lookup()
        found = await self._run.perform(self._look.system, operation_named(operation.read_back), lookup)
        return cast(Found, found).documents

    async def _judge_change(
        self, operation: Operation[Any, Any], request: Write, documents: tuple[Document, ...], steps: list[StepState]
    ) -> BotResult:
        ours = [step for step in steps if step.reference == request.external_reference]
        is_wanted = any(step.completed is not None and not step.undone for step in ours)
        if is_wanted or not documents or any(request.differences(document) for document in documents):
            return BotResult(outcome="no_twin")
        error = NotCompensated(
            "{operation} {reference} was refused by system {system}, but an earlier attempt at it took effect late: it "
            "stands there now. Undo it by hand, then resolve this ticket.",
            operation=operation.name,
            reference=request.external_reference,
            system=self._look.system,
        )
        await self._run.report("not_compensated", error, self._look.system, operation, request.external_reference)
        return BotResult(outcome="late_change_found")

    async def _cancel_all(
        self, operation: Operation[Any, Any], twins: list[Document]
    ) -> tuple[list[str], Suspended | None]:
        """The numbers of those that are void now, and the first wait for a person, once all were tried.

        Raises Suspended where one waits for an instant.
        """
        cancelled, waiting = [], None
        for twin in twins:
            try:
                if await self._cancel(operation, twin):
                    cancelled.append(twin.document_id)
            except BusinessError as error:
                log.event("twin.left", system=self._look.system, document=twin.document_id, why=error.code)
            except Suspended as suspended:
                if suspended.ticket_id is None:
                    raise
                waiting = waiting or suspended
        return cancelled, waiting

    async def _cancel(self, operation: Operation[Any, Any], document: Document) -> bool:
        result = document.result()
        if operation.compensated_by is None or not isinstance(result, Compensable):
            return False
        cancel = operation_named(operation.compensated_by)
        if not self._run.offers(self._look.system, cancel):
            return False
        await self._run.perform(self._look.system, cancel, result.compensation(), key=document.document_id)
        return True

    async def _ticket(
        self,
        operation: Operation[Any, Any],
        request: Record,
        kept: list[str],
        twins: list[Document],
        cancelled: list[str],
    ) -> None:
        reference = cast(Write, request).external_reference
        error = WrittenTwice(
            "A late twin of {operation} {reference} appeared in system {system}: {twins}. Kept: {kept}. "
            "Cancelled: {cancelled}. Check them, then resolve this ticket.",
            operation=operation.name,
            reference=reference,
            system=self._look.system,
            twins=numbers(twins),
            kept=listed(kept),
            cancelled=listed(cancelled),
        )
        await self._run.report("written_twice", error, self._look.system, operation, reference)

    async def _until_due(self) -> None:
        """Whoever woke us went by a clock of its own."""
        due_at = self._look.due_at or self._clock.now()
        for again in itertools.count():
            now = await self._database.read(lambda connection: store_now(connection, self._clock.now()))
            if now >= due_at:
                break
            await self._run.sleep((due_at - now).total_seconds(), key=f"due {again}")

    async def _is_settled(self) -> bool:
        """Whether no run under way has begun the write and does not know yet what became of it."""
        under_way = [run for run in await self._runs() if run.status != "finished"]
        steps = [step for run in under_way for step in await self._steps_of(run)]
        return not any(step.attempts and step.completed is None and step.refused is None for step in steps)

    async def _runs(self) -> list[RunRow]:
        """The run that made the write, and all others about the same business object: a later one may have made the
        document rightly, after ours was refused."""
        return await self._database.read(lambda connection: runs.about_the_same(connection, self._look.run_id))

    async def _steps_of(self, run: RunRow) -> list[StepState]:
        """The run's steps that carry the same operation to the same system."""
        entries = await self._database.read(lambda connection: journal_rows.load(connection, run.id))
        same = (self._look.system, self._look.operation)
        return [step for step in fold(entries).values() if (step.system, step.operation) == same]


def _held(step: StepState) -> str | None:
    """The document that a run knows as its own; None when it made none, or undid it."""
    return None if step.completed is None or step.undone else step.completed.get("document")
