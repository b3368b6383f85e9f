"""A run's journal while it executes: what was written before, and what is written now."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection

from tandem.domain.clock import Clock
from tandem.engine.steps import StepState, fold
from tandem.engine.suspension import Fenced
from tandem.store import journal as rows
from tandem.store import runs
from tandem.store.journal import Entry

T = TypeVar("T")


class Writer(Protocol):
    """Takes work for the store without waiting: see ``Database.enqueue``."""

    def enqueue(self, work: Callable[[Connection], T]) -> asyncio.Future[T]: ...


class Journal:
    """Appends in order. ``append`` returns when the entry is on the disk; ``note`` does not wait, but no later
    ``append`` returns before the note is on the disk too. Nothing is written once another worker has the run: what
    waits for the disk then raises Fenced.
    """

    def __init__(self, database: Writer, clock: Clock, run_id: str, epoch: int, entries: Iterable[Entry] = ()) -> None:
        known = list(entries)
        self._database, self._clock = database, clock
        self.run_id, self.epoch = run_id, epoch
        self._steps = fold(known)
        self._seq = known[-1].seq if known else 0
        self._pending: list[asyncio.Future[Any]] = []

    def step(self, name: str) -> StepState:
        """The state of a step; a fresh one for a step nobody has begun."""
        return self._steps.setdefault(name, StepState(name))

    def begun(self, name: str) -> StepState | None:
        """The state of a step, if anything of it was noted."""
        return self._steps.get(name)

    @property
    def steps(self) -> list[StepState]:
        """All steps begun so far, in the order they were begun."""
        return list(self._steps.values())

    def note(self, step: str, kind: str, body: dict[str, Any]) -> None:
        """Write an entry without waiting for the disk."""
        self._seq += 1
        entry = Entry(self.run_id, self._seq, step, kind, self._clock.now(), body)
        self.step(step).apply(entry)
        self._pending.append(self._database.enqueue(rows.appending(entry, self.epoch)))

    def alongside(self, work: Callable[[Connection], Any]) -> None:
        """Do other work in the store, in order with the entries, without waiting for the disk.

        It does nothing and says False when the run is no longer in our ``epoch``: another worker has it.
        """
        self._pending.append(self._database.enqueue(work))

    async def append(self, step: str, kind: str, body: dict[str, Any]) -> None:
        """Write an entry and wait until it, and all before it, are on the disk."""
        self.note(step, kind, body)
        await self.flush()

    async def append_made(self, step: str, kind: str, make: Callable[[Connection], dict[str, Any]]) -> dict[str, Any]:
        """Write an entry together with the other work in the store that makes its body, both or neither; the body."""
        self._seq += 1
        seq, at = self._seq, self._clock.now()

        def write(connection: Connection) -> dict[str, Any]:
            body = make(connection)
            rows.append(connection, Entry(self.run_id, seq, step, kind, at, body), self.epoch)
            return body

        body = await self.carry_out(write)
        self.step(step).apply(Entry(self.run_id, seq, step, kind, at, body))
        return body

    async def carry_out(self, work: Callable[[Connection], T]) -> T:
        """Do other work in the store, in order with the entries; its result, once it is on the disk."""
        future = self._database.enqueue(lambda connection: self._while_ours(connection, work))
        await self.flush()
        done = await future
        if done is None:
            raise Fenced
        return done[0]

    async def confirm(self) -> None:
        """Raises Fenced when another worker has the run by now."""
        await self.carry_out(lambda _: None)

    async def flush(self) -> None:
        """Wait until everything written so far is on the disk."""
        pending, self._pending = self._pending, []
        if pending:
            await pending[-1]
            if any(future.result() is False for future in pending):
                raise Fenced

    def _while_ours(self, connection: Connection, work: Callable[[Connection], T]) -> tuple[T] | None:
        return (work(connection),) if runs.is_held(connection, self.run_id, self.epoch) else None
