"""The second look: a write that was believed absent may still have been committed after all.

It is a run of its own, of the engine's bot ``tandem.late_look``, so that it survives every crash.
"""

import itertools
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from tandem.domain.clock import Clock, new_id
from tandem.domain.operation import Compensable, Document, Found, Operation, Write, operation_named
from tandem.domain.record import Record
from tandem.engine.bot import Bot, BotResult
from tandem.engine.steps import StepState, fold
from tandem.engine.system import System
from tandem.errors import WrittenTwice
from tandem.store import journal as journal_rows
from tandem.store import runs
from tandem.store.codec import Codec
from tandem.store.database import Database

if TYPE_CHECKING:
    from tandem.engine.journal import Journal
    from tandem.engine.run import Run

BOT = "tandem.late_look"
_LOOK_AGAIN_S = 900.0


class LateLook(Record):
    """Which write to look for: the step of the run that made it, and the request as the journal keeps it."""

    run_id: str
    step: str
    system: str
    operation: str
    request: Any

    @property
    def business_key(self) -> str:
        return f"{BOT}|{self.run_id}|{self.step}"


def schedule(journal: "Journal", clock: Clock, look: LateLook, attempt: int, late_s: float) -> None:
    """Make the run that looks once more, ``late_s`` from now; one for each attempt that came to nothing."""
    now = clock.now()
    key = f"{look.business_key}|{attempt}"
    new = runs.NewRun(new_id(), BOT, key, key, look.model_dump(mode="json"))
    journal.alongside(lambda connection: runs.add_waiting(connection, new, now, now + timedelta(seconds=late_s)))


def bot(database: Database, codec: Codec, systems: Mapping[str, System]) -> Bot:
    """The engine's own bot that carries late looks out."""

    async def process(run: "Run") -> BotResult:
        return await _Look(database, codec, run, cast(LateLook, run.item)).result()

    return Bot(BOT, LateLook, process, systems=systems)


class _Look:
    def __init__(self, database: Database, codec: Codec, run: "Run", look: LateLook) -> None:
        self._database, self._codec, self._run, self._look = database, codec, run, look

    async def result(self) -> BotResult:
        for again in itertools.count(1):
            if await self._is_settled():
                break
            await self._run.sleep(_LOOK_AGAIN_S, key=str(again))
        operation = operation_named(self._look.operation)
        request = self._codec.load(operation.request, self._look.request)
        documents = await self._documents(operation, request)
        kept = _kept(await self._step())
        others = [document for document in documents if document.document_id != kept]
        twins = [document for document in others if not await self._is_of_another_run(document)]
        if not twins:
            return BotResult(outcome="no_twin")
        cancelled = [
            document.document_id for document in twins if kept is not None and await self._cancel(operation, document)
        ]
        await self._ticket(operation, request, kept, twins, cancelled)
        return BotResult(outcome="twin_found")

    async def _documents(self, operation: Operation[Any, Any], request: Record) -> tuple[Document, ...]:
        assert operation.read_back is not None
        lookup = cast(Write, request).lookup()
        found = await self._run.perform(self._look.system, operation_named(operation.read_back), lookup)
        return tuple(document for document in cast(Found, found).documents if not document.void)

    async def _is_of_another_run(self, document: Document) -> bool:
        """A later run may have made the order rightly, after ours had been refused."""
        return await self._database.read(
            lambda connection: journal_rows.owns_document(connection, self._look.operation, document.document_id)
        )

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
        kept: str | None,
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
            twins=", ".join(document.document_id for document in twins),
            kept=kept or "none",
            cancelled=", ".join(cancelled) or "none",
        )
        await self._run.report("written_twice", error, self._look.system, operation, reference)

    async def _is_settled(self) -> bool:
        step = await self._step()
        if step.completed is not None or step.refused is not None:
            return True
        row = await self._database.read(lambda connection: runs.find(connection, self._look.run_id))
        return row is None or row.status == "finished"

    async def _step(self) -> StepState:
        entries = await self._database.read(lambda connection: journal_rows.load(connection, self._look.run_id))
        return fold(entries).get(self._look.step) or StepState(self._look.step)


def _kept(step: StepState) -> str | None:
    """The document that the run knows as its own: none when the run ended without one."""
    return None if step.completed is None or step.undone else step.completed.get("document")
