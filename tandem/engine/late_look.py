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
from tandem.domain.operation import Document, Found, Operation, Write, compensations, ids_of, operation_named
from tandem.domain.record import Record
from tandem.engine.bot import Bot, BotResult
from tandem.engine.read_back import concerned, numbers
from tandem.engine.steps import StepState, fold
from tandem.engine.suspension import Suspended, all_tried
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
        judge = self._judge_create if operation.effect == "create" else self._judge_change
        return await judge(operation, cast(Write, request))

    async def _judge_create(self, operation: Operation[Any, Any], request: Write) -> BotResult:
        finished = self._doubtful(operation)
        waiting = await self._cancel_all(operation, finished)
        standing = [document for document in await self._documents(operation, request) if not document.void]
        held = {_held(step) for step in await self._steps()}
        twins = [document for document in standing if held.isdisjoint(ids_of(document))]
        kept = [document.document_id for document in standing if document not in twins]
        left = [twin for twin in twins if twin.document_id not in finished]
        may_cancel = bool(kept) and self._can_cancel(operation)
        waiting = await self._cancel_all(operation, compensations(left) if may_cancel else {}) or waiting
        cancelled = self._cancelled(operation)
        found = list(dict.fromkeys([*cancelled, *(twin.document_id for twin in twins)]))
        if not found:
            return BotResult(outcome="no_twin")
        await self._ticket(operation, request, kept, found, cancelled)
        if waiting is not None:
            raise waiting
        return BotResult(outcome="twin_found")

    async def _documents(self, operation: Operation[Any, Any], request: Write) -> tuple[Document, ...]:
        """What the books show now: while a cancelling waits, a person may cancel the document beside the twin."""
        read_back = operation_named(str(operation.read_back))
        return cast(Found, await self._run.look(self._look.system, read_back, request.lookup())).documents

    async def _judge_change(self, operation: Operation[Any, Any], request: Write) -> BotResult:
        documents = concerned(request, await self._documents(operation, request))
        wanted = [step for step in await self._steps() if step.completed is not None and not step.undone]
        is_wanted = any(self._requested(step) == cast(Record, request) for step in wanted)
        if is_wanted or not documents or any(request.differences(document) for document in documents):
            return BotResult(outcome="no_twin")
        error = NotCompensated(
            "{operation} {reference} was refused by system {system}, but an earlier attempt at it took effect late, on "
            "{documents}. Undo it by hand where it is not wanted, then resolve this ticket.",
            operation=operation.name,
            reference=request.external_reference,
            system=self._look.system,
            documents=numbers(documents),
        )
        await self._run.report("not_compensated", error, self._look.system, operation, request.external_reference)
        return BotResult(outcome="late_change_found")

    async def _cancel_all(self, operation: Operation[Any, Any], requests: Mapping[str, Record]) -> Suspended | None:
        return await all_tried(self._cancel(operation, number, request) for number, request in requests.items())

    async def _cancel(self, operation: Operation[Any, Any], number: str, request: Record) -> None:
        cancelling = operation_named(str(operation.compensated_by))
        try:
            await self._run.perform(self._look.system, cancelling, request, key=number)
        except BusinessError as error:
            log.event("twin.left", system=self._look.system, document=number, why=error.code)

    def _can_cancel(self, operation: Operation[Any, Any]) -> bool:
        name = operation.compensated_by
        return name is not None and self._run.offers(self._look.system, operation_named(name))

    def _doubtful(self, operation: Operation[Any, Any]) -> dict[str, Record]:
        """The requests of cancellings that may take effect yet."""
        cancels = self._cancels(operation).items()
        return {number: self._requested(step) for number, step in cancels if step.is_unsettled}

    def _cancelled(self, operation: Operation[Any, Any]) -> list[str]:
        return [number for number, step in self._cancels(operation).items() if step.completed is not None]

    def _cancels(self, operation: Operation[Any, Any]) -> dict[str, StepState]:
        name = operation.compensated_by
        return {} if name is None else self._run.steps(self._look.system, operation_named(name))

    def _requested(self, step: StepState) -> Record:
        return cast(Record, self._codec.load(operation_named(str(step.operation)).request, step.request))

    async def _ticket(
        self,
        operation: Operation[Any, Any],
        request: Write,
        kept: list[str],
        twins: list[str],
        cancelled: list[str],
    ) -> None:
        reference = request.external_reference
        error = WrittenTwice(
            "A late twin of {operation} {reference} appeared in system {system}: {twins}. Kept: {kept}. "
            "Cancelled: {cancelled}. Check them, then resolve this ticket.",
            operation=operation.name,
            reference=reference,
            system=self._look.system,
            twins=listed(twins),
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

    async def _steps(self) -> list[StepState]:
        return [step for run in await self._runs() for step in await self._steps_of(run)]

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
