"""The documents that one write left beside one another: one is kept, the others are cancelled, a person is told."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from tandem import log
from tandem.domain.operation import Document, Found, Operation, compensations, operation_named
from tandem.domain.record import Record
from tandem.engine.climb import Context
from tandem.engine.steps import StepState
from tandem.engine.suspension import Suspended, all_tried
from tandem.engine.system import System
from tandem.errors import StoreError, TandemError, WrittenTwice
from tandem.text import listed

CarryOut = Callable[[str, Operation[Any, Any], Record], Awaitable[Record]]
"""Carries an operation out as the step of this name."""


class Twins:
    """Those of one step; each is cancelled by a step of its own. What became of them is in the journal."""

    def __init__(
        self, context: Context, system: System, state: StepState, operation: Operation[Any, Any], carry_out: CarryOut
    ) -> None:
        self._context, self._system, self._state = context, system, state
        self._operation, self._carry_out = operation, carry_out

    def without_cancelled(self, found: Record) -> Found:
        """A search may still show a twin as standing that was cancelled a moment ago."""
        documents = cast(Found, found).documents
        standing = tuple(document for document in documents if not self._is_cancelled(document.document_id))
        return cast(Found, found.model_copy(update={"documents": standing}))

    async def cancel(self, extra: Sequence[Document]) -> Suspended | None:
        """Cancel each that can be; the first wait for a person, once all were tried.

        Raises Suspended where one waits for an instant.
        """
        name = self._operation.compensated_by
        is_offered = name is not None and self._system.rungs(name) is not None
        return await self._cancel_all(compensations(extra) if is_offered else {})

    async def finish_cancelling(self) -> Suspended | None:
        """The same for those of which nobody knows whether they are void yet; the others are decided on by a look."""
        return await self._cancel_all(self._unsettled())

    async def tell(self) -> None:
        """Open a ticket about them, as the books were last seen, unless one has told of all, and which are void."""
        if not self._state.twins or self._are_told():
            return
        await self._context.ticketing.open(
            "written_twice",
            self._written_twice(),
            step=self._state,
            system=self._system.name,
            operation=self._operation.name,
            channel=None,
            reference=self._state.reference,
            fold=False,
            blocking=False,
        )

    def _are_told(self) -> bool:
        told = self._state.told
        is_all = told.get("count") == str(len(self._state.twins))
        return is_all and set(self._cancelled()) <= set(told["cancelled"].split(", "))

    def _written_twice(self) -> WrittenTwice:
        twins, standing, cancelled = self._state.twins, self._state.standing, self._cancelled()
        left = [number for number in standing if number not in cancelled]
        return WrittenTwice(
            "{operation} {reference} was found {count} times in system {system}. Kept: {kept}. Cancelled: {cancelled}. "
            "Still there: {left}. No longer there: {gone}. Check them, then resolve this ticket.",
            operation=self._operation.name,
            reference=self._state.reference,
            system=self._system.name,
            count=len(twins),
            kept=listed(left[:1]),
            cancelled=listed(cancelled),
            left=listed(left[1:]),
            gone=listed(number for number in twins if number not in (*standing, *cancelled)),
        )

    def _cancelled(self) -> list[str]:
        return [number for number in self._state.twins if self._is_cancelled(number)]

    async def _cancel_all(self, requests: Mapping[str, Record]) -> Suspended | None:
        return await all_tried(self._cancel(number, request) for number, request in requests.items())

    async def _cancel(self, number: str, request: Record) -> None:
        cancelling = operation_named(str(self._operation.compensated_by))
        try:
            await self._carry_out(self._step_of(number), cancelling, request)
        except StoreError:
            raise
        except TandemError as error:
            log.event("twin.left", system=self._system.name, document=number, why=error.code)

    def _unsettled(self) -> dict[str, Record]:
        steps = {number: self._context.journal.begun(self._step_of(number)) for number in self._state.twins}
        return {
            number: self._context.codec.load(operation_named(str(step.operation)).request, step.request)
            for number, step in steps.items()
            if step is not None and step.is_unsettled
        }

    def _is_cancelled(self, number: str) -> bool:
        step = self._context.journal.begun(self._step_of(number))
        return step is not None and step.completed is not None

    def _step_of(self, number: str) -> str:
        return f"{self._state.name}~cancel {number}"
