"""A run: a bot's only way to the outside."""

import asyncio
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, cast, overload

from tandem.domain.operation import Compensable, Operation, operation_named
from tandem.domain.record import Record
from tandem.engine.attendant import Attendant
from tandem.engine.bot import Bot
from tandem.engine.climb import Context
from tandem.engine.locking import Locking
from tandem.engine.performer import Performer
from tandem.engine.steps import UNDO, StepState
from tandem.engine.suspension import Elsewhere, Repeated, Suspended, all_tried
from tandem.engine.system import System
from tandem.errors import NotCompensated, Question, Rejected, TandemError
from tandem.store.tickets import TicketKind

Req = TypeVar("Req", bound=Record)
Res = TypeVar("Res", bound=Record)
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
ClaimVersion = Callable[[str], Awaitable[str | None]]


@dataclass(frozen=True)
class _Done:
    step: str
    system: System
    operation: Operation[Any, Any]
    result: Record


class Run:
    """One execution of a bot for one work item.

    A run that starts again executes its function from the top: what has been recorded is returned, not repeated.
    Steps are known by role, operation and ``key``; the same operation twice in one run needs two keys.
    """

    def __init__(
        self,
        bot: Bot,
        item: Record,
        context: Context,
        performer: Performer,
        claim_version: ClaimVersion,
        locking: Locking,
        attendant: Attendant | None = None,
    ) -> None:
        self.item = item
        self._bot, self._context, self._performer = bot, context, performer
        self._claim_version, self._locking, self._attendant = claim_version, locking, attendant
        self._used: set[str] = set()
        self._done: list[_Done] = []

    @property
    def id(self) -> str:
        """The run's id, which is its correlation id in every log and call."""
        return self._context.journal.run_id

    def offers(self, role: str, operation: Operation[Any, Any]) -> bool:
        """Whether the system in that role can carry the operation at all."""
        rungs = self._system(role).rungs(operation.name)
        return rungs is not None and bool(rungs.ladder)

    async def perform(self, role: str, operation: Operation[Req, Res], request: Req, key: str = "") -> Res:
        """Carry out one operation, down its ladder, at most once.

        Raises BusinessError when data or a rule says no. Everything else a person must settle suspends the run.
        """
        step = self._step(f"{role}.{operation.name}", key)
        system = self._system(role)
        result = cast(Res, await self._performer.perform(system, step, operation, request))
        if operation.compensated_by is not None:
            self._done.append(_Done(step, system, operation, result))
        return result

    async def look(self, role: str, operation: Operation[Req, Res], request: Req) -> Res:
        """A read that every replay makes anew: while the run waited, what it saw may have changed."""
        seen = [step for step in self.steps(role, operation).values() if step.completed is not None]
        return await self.perform(role, operation, request, key=f"look {len(seen)}")

    def steps(self, role: str, operation: Operation[Any, Any]) -> dict[str, StepState]:
        """The steps of that operation that this run has begun with a key, by it."""
        begins, ends = f"{role}.{operation.name}[", "]"
        begun = [step for step in self._context.journal.steps if step.name.startswith(begins)]
        return {step.name[len(begins) : -len(ends)]: step for step in begun if step.name.endswith(ends)}

    @overload
    async def together(self, first: Awaitable[A], second: Awaitable[B], /) -> tuple[A, B]: ...

    @overload
    async def together(self, first: Awaitable[A], second: Awaitable[B], third: Awaitable[C], /) -> tuple[A, B, C]: ...

    async def together(self, *steps: Awaitable[Any]) -> tuple[Any, ...]:
        """Do steps at once and wait for all. Raises the first failure, once none is under way any more.

        When one of them has to wait, the run waits, and goes on when the first of them is due.
        """
        outcomes = await asyncio.gather(*(_outcome(step) for step in steps))
        failures = [outcome.error for outcome in outcomes if isinstance(outcome, _Failed)]
        if failures:
            raise min(failures, key=_urgency)
        return tuple(outcomes)

    async def version(self, version: str) -> None:
        """Say which version of the document this run works on. Ends the run when another one has it already."""
        holder = await self._claim_version(version)
        if holder is not None:
            raise Repeated(holder)

    async def report(
        self, kind: TicketKind, error: TandemError, role: str, operation: Operation[Any, Any], reference: str
    ) -> None:
        """Open a ticket that a person should settle, and go on; on a replay only where there is other news."""
        step = self._step(f"report.{operation.name}", reference)
        if self._context.journal.step(step).told == error.fields:
            return
        await self._context.ticketing.open(
            kind,
            error,
            step=self._context.journal.step(step),
            system=self._system(role).name,
            operation=operation.name,
            channel=None,
            reference=reference,
            fold=False,
            blocking=False,
        )

    async def ask(self, question: str, choices: tuple[str, ...], key: str = "") -> str:
        """A person's answer: at once when the run is attended, else the run waits for it on a ticket."""
        step = self._step("ask", key)
        state = self._context.journal.step(step)
        if state.has_value:
            return str(state.value)
        if state.ticket_id is not None:
            raise Suspended(ticket_id=state.ticket_id)
        if self._attendant is None:
            await self._ask_by_ticket(step, question, choices)
        assert self._attendant is not None
        return str(await self._remember(step, await self._attendant.answer(question, choices)))

    async def now(self, key: str = "") -> datetime:
        """The time, the same on every replay."""
        step = self._step("now", key)
        state = self._context.journal.step(step)
        if not state.has_value:
            await self._remember(step, self._context.clock.now().isoformat())
        return datetime.fromisoformat(state.value)

    async def sleep(self, seconds: float, key: str = "") -> None:
        """Wait; a long wait costs nothing and survives a restart."""
        until = await self.now(f"sleep {key}") + timedelta(seconds=seconds)
        left_s = (until - self._context.clock.now()).total_seconds()
        if left_s > 0:
            await self._context.pause(left_s)

    def confirms(self, role: str, operation: Operation[Any, Any]) -> bool:
        """Whether the system in that role grants or refuses what the operation asks for by itself, all at once."""
        rungs = self._system(role).rungs(operation.name)
        return rungs is not None and rungs.confirms

    @asynccontextmanager
    async def locked(
        self, role: str, keys: Iterable[str], *, shared: bool = False, key: str = ""
    ) -> AsyncIterator[str]:
        """While the block runs, no other run is in a block with one of these keys of that system; ``shared``: none that
        is not shared.

        Gives a word to key the reads inside with: it is another one when the lock was given up, for a ticket, and taken
        again, so that they are asked anew. The lock is kept over crashes and waits for time. One block at a time.
        """
        step = self._step("locked", key)
        state = self._context.journal.step(step)
        system = self._system(role).name
        if state.has_value:
            await self._locking.leave(int(state.value))
            yield str(state.value)
            return
        place = await self._locking.enter([f"{system} {name}" for name in keys], shared=shared)
        try:
            yield str(place)
        except (Exception, Repeated):
            await self._locking.leave(place)
            raise
        self._context.journal.note(step, "value", {"value": str(place)})
        await self._locking.leave(place)

    @asynccontextmanager
    async def saga(self) -> AsyncIterator[None]:
        """All or nothing: if the block is refused or declined, its writes are undone, last first.

        One that cannot be undone keeps none of the others: each such one has a ticket, for which the run waits.
        """
        before = len(self._done)
        try:
            yield
        except Rejected:
            await self._undo_all(self._done[before:])
            raise

    async def _undo_all(self, writes: list[_Done]) -> None:
        waiting = await all_tried(self._undo(done) for done in reversed(writes))
        if waiting is not None:
            raise waiting

    async def _undo(self, done: _Done) -> None:
        state = self._context.journal.step(done.step)
        if state.undone:
            return
        undoing = f"{done.step}{UNDO}"
        ticket_id = self._context.journal.step(undoing).ticket_id
        if ticket_id is not None:
            raise Suspended(ticket_id=ticket_id)
        name = done.operation.compensated_by
        assert name is not None
        request = cast(Compensable, done.result).compensation()
        try:
            await self._performer.perform(done.system, undoing, operation_named(name), request)
        except Rejected as error:
            await self._ticket_residue(done, error)
        await self._context.journal.append(done.step, "undone", {})

    async def _ticket_residue(self, done: _Done, error: Rejected) -> None:
        left = NotCompensated(
            "{operation} {reference} on system {system} could not be undone: {why} It still stands there: {document}. "
            "Undo it by hand and resolve this ticket, or retry it.",
            operation=done.operation.name,
            reference=getattr(done.result, "external_reference", ""),
            system=done.system.name,
            why=error,
            document=", ".join(
                f"{name}={value}" for name, value in done.result.model_dump(mode="json").items() if value
            ),
        )
        ticket_id = await self._context.ticketing.open(
            "not_compensated",
            left,
            step=self._context.journal.step(f"{done.step}{UNDO}"),
            system=done.system.name,
            operation=str(done.operation.compensated_by),
            channel=None,
            reference=getattr(done.result, "external_reference", None),
            fold=False,
            blocking=True,
        )
        raise Suspended(ticket_id=ticket_id)

    async def _ask_by_ticket(self, step: str, question: str, choices: tuple[str, ...]) -> None:
        ticket_id = await self._context.ticketing.open(
            "question",
            Question("{question} Answer with one of: {choices}.", question=question, choices=", ".join(choices)),
            step=self._context.journal.step(step),
            system="",
            operation="ask",
            channel=None,
            reference=self.id,
            fold=False,
            blocking=True,
        )
        raise Suspended(ticket_id=ticket_id)

    async def _remember(self, step: str, value: Any) -> Any:
        await self._context.journal.append(step, "value", {"value": value})
        return value

    def _step(self, name: str, key: str) -> str:
        step = f"{name}[{key}]" if key else name
        if step in self._used:
            raise ValueError(f"step {step} is used twice in one run: give each its own key")
        self._used.add(step)
        return step

    def _system(self, role: str) -> System:
        return self._bot.systems[role]


@dataclass(frozen=True)
class _Failed:
    error: BaseException


def _urgency(error: BaseException) -> tuple[int, float]:
    """What comes first: the run is no longer ours; it goes to another worker; it waits, until the earliest instant; it
    failed."""
    if isinstance(error, Elsewhere):
        return 1, 0.0
    if isinstance(error, Suspended):
        return 1, error.wake_at.timestamp() if error.wake_at else math.inf
    return (2, 0.0) if isinstance(error, Exception) else (0, 0.0)


async def _outcome(step: Awaitable[A]) -> A | _Failed:
    try:
        return await step
    except asyncio.CancelledError:
        raise
    except BaseException as error:  # noqa: BLE001 - told to the caller once all are done
        return _Failed(error)
