"""Who hands a worker the runs that are ready or due."""

import asyncio
from datetime import datetime
from typing import Protocol

from tandem.domain.clock import Clock
from tandem.store import runs
from tandem.store.database import Database
from tandem.store.runs import RunRow, Scope

_LOOK_EVERY_S = 1.0


class Dispatcher(Protocol):
    """The store's tables say what is ready or due; a dispatcher brings it to the workers that can carry it out."""

    async def next(self, limit: int) -> list[RunRow]:
        """Up to ``limit`` runs, each taken for this worker: nobody else executes it. Empty when there is none now."""
        ...

    async def wait(self) -> None:
        """Return when there may be something to take: at the latest after a second or so."""
        ...

    async def announce(self) -> None:
        """Runs have become ready, and that is on the disk."""
        ...

    async def let_go(self, row: RunRow) -> None:
        """A run that ``next`` gave is as ``row`` says now: finished, waiting, ready for others, or fenced."""
        ...

    async def beat(self) -> None:
        """Called every BEAT_S while the worker lives."""
        ...

    async def sweep(self) -> None:
        """Mend what crashes have left; called every BEAT_S in one of all workers."""
        ...

    async def close(self) -> None:
        """Let go of what it holds."""
        ...


class News:
    """That there may be something to take."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    def tell(self) -> None:
        """Let whoever waits look."""
        self._told.set()

    async def wait(self) -> None:
        """Return as soon as there is news, and after a second without."""
        try:
            await asyncio.wait_for(self._told.wait(), _LOOK_EVERY_S)
        except TimeoutError:
            return
        self._told.clear()


class EmbeddedDispatcher:
    """Claims runs from the store itself, oldest first; no other service is needed."""

    def __init__(self, database: Database, clock: Clock, scope: Scope, worker: str | None = None) -> None:
        self._database, self._clock, self._worker = database, clock, worker
        self._scope = scope
        self._news = News()

    async def next(self, limit: int) -> list[RunRow]:
        """The oldest runs that are ready or due."""
        now = self._clock.now()
        return await self._database.write(
            lambda connection: runs.claim(connection, limit, now, self._scope, self._worker)
        )

    async def is_due(self) -> bool:
        """Whether there is a run to take, or one that somebody else is taking at this moment."""
        now = self._clock.now()
        return await self._database.read(lambda connection: runs.is_due(connection, now, self._scope))

    async def next_wake_at(self) -> datetime | None:
        """When the first waiting run will be due."""
        return await self._database.read(lambda connection: runs.next_wake_at(connection, self._scope))

    async def wait(self) -> None:
        """Return after a second, or as soon as this process has made a run ready."""
        await self._news.wait()

    async def announce(self) -> None:
        """Look at once."""
        self._news.tell()

    async def let_go(self, row: RunRow) -> None:
        """The next run of its business key can go on."""
        self._news.tell()

    async def beat(self) -> None:
        """Nothing to do: it keeps nothing of its own."""

    async def sweep(self) -> None:
        """Nothing to mend: whatever is ready is claimed."""

    async def close(self) -> None:
        """It holds nothing."""
