"""How a run's operations are carried out: for real and journaled, or as a dry run that writes nothing."""

from collections.abc import Callable
from typing import Any, Protocol, cast

from tandem.domain.operation import Found, Operation, Write, operation_named
from tandem.domain.record import Record
from tandem.engine.attendant import Attendant, WritePreview, preview_of
from tandem.engine.climb import Climb, Context, ReadClimb
from tandem.engine.observation import observe
from tandem.engine.read_back import judge
from tandem.engine.system import System
from tandem.engine.write import WriteClimb
from tandem.errors import Declined, NotSent, UnknownOutcome


class Performer(Protocol):
    """Carries out one operation as one step of a run."""

    async def perform(self, system: System, step: str, operation: Operation[Any, Any], request: Record) -> Record: ...


class LivePerformer:
    """For real. With an attendant, every write is shown and approved before its first attempt."""

    def __init__(self, context: Context, attendant: Attendant | None) -> None:
        self._context, self._attendant = context, attendant

    async def perform(self, system: System, step: str, operation: Operation[Any, Any], request: Record) -> Record:
        """Raises BusinessError, Declined, NotOffered; suspends the run where it has to wait."""
        if not operation.writes:
            return await ReadClimb(self._context, system, step, operation, request).result()
        climb = WriteClimb(self._context, system, step, operation, request)
        if self._attendant is not None:
            await self._approve(climb, self._attendant)
        return await climb.result()

    async def _approve(self, climb: Climb, attendant: Attendant) -> None:
        state = climb.state
        if state.attempts or state.completed or state.refused or state.has_value:
            return
        preview = preview_of(climb.system.name, climb.operation, climb.request, climb.rungs.ladder)
        if await attendant.approve(preview):
            await self._context.journal.append(climb.step_name, "value", {"value": "approved"})
            return
        declined = Declined(
            "You declined {operation} on system {system}.", operation=preview.operation, system=preview.system
        )
        await self._context.journal.append(climb.step_name, "refused", {"error": declined.recorded(), "channel": None})
        raise declined


class DryPerformer:
    """Performs reads, and shows the writes it would make."""

    def __init__(self, context: Context, show: Callable[[WritePreview], None]) -> None:
        self._context, self._show = context, show

    async def perform(self, system: System, step: str, operation: Operation[Any, Any], request: Record) -> Record:
        """The result of a read; for a write what it is expected to be, or what stands in the books already."""
        if not operation.writes:
            return await observe(self._context, system, step, operation, request)
        rungs = system.rungs(operation.name)
        present = await self._present(system, step, operation, request) if rungs and rungs.look_first else None
        ladder = rungs.ladder if rungs else ()
        self._show(preview_of(system.name, operation, request, ladder, present=present is not None))
        return present or cast(Write, request).expected()

    async def _present(
        self, system: System, step: str, operation: Operation[Any, Any], request: Record
    ) -> Record | None:
        if operation.read_back is None:
            return None
        write = cast(Write, request)
        try:
            found = await observe(self._context, system, step, operation_named(operation.read_back), write.lookup())
        except (NotSent, UnknownOutcome):
            return None
        verdict = judge(operation, write, cast(Found, found))
        return verdict.documents[0].result() if verdict.kind == "equal" else None
