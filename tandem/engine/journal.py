"""A run's journal while it executes: what was written before, and what is written now."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from typing import Any, Protocol

from sqlalchemy import Connection

from tandem.domain.clock import Clock
from tandem.engine.steps import StepState, fold
from tandem.engine.suspension import Fenced
from tandem.store import journal as rows
from tandem.store.journal import Entry
from tandem.store.waking import waited


class Writer(Protocol):
    """Takes work for the store without waiting: see ``Database.enqueue``."""

    def enqueue(self, work: Callable[[Connection], Any]) -> Future[Any]: ...


class Journal:
    """Appends in order. ``append`` returns when the entry is on the disk; ``note`` does not wait, but no later
    ``append`` returns before the note is on the disk too. Both raise Fenced once another worker has the run.
    """

    def __init__(self, database: Writer, clock: Clock, run_id: str, epoch: int, entries: Iterable[Entry] = ()) -> None:
        known = list(entries)
        self._database, self._clock = database, clock
        self.run_id, self._epoch = run_id, epoch
        self._steps = fold(known)
        self._seq = known[-1].seq if known else 0
        self._pending: list[Future[Any]] = []

    def step(self, name: str) -> StepState:
        """The state of a step; a fresh one for a step nobody has begun."""
        return self._steps.setdefault(name, StepState(name))

    @property
    def steps(self) -> list[StepState]:
        """All steps begun so far, in the order they were begun."""
        return list(self._steps.values())

    def note(self, step: str, kind: str, body: dict[str, Any]) -> None:
        """Write an entry without waiting for the disk."""
        self._seq += 1
        entry = Entry(self.run_id, self._seq, step, kind, self._clock.now(), body)
        self.step(step).apply(entry)
        self._pending.append(self._database.enqueue(rows.appending(entry, self._epoch)))

    def alongside(self, work: Callable[[Connection], Any]) -> None:
        """Do other work in the store, in order with the entries, without waiting for the disk.

        False says that another worker has the run.
        """
        self._pending.append(self._database.enqueue(work))

    async def append(self, step: str, kind: str, body: dict[str, Any]) -> None:
        """Write an entry and wait until it, and all before it, are on the disk."""
        self.note(step, kind, body)
        await self.flush()

    async def flush(self) -> None:
        """Wait until everything written so far is on the disk."""
        pending, self._pending = self._pending, []
        if pending:
            await waited(pending[-1])
            if any(future.result() is False for future in pending):
                raise Fenced
