"""A run's lock on business objects: nobody else is under way with them while it holds."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from itertools import count
from typing import Protocol

from tandem.domain.clock import Clock
from tandem.engine.journal import Journal
from tandem.engine.suspension import Fenced, Suspended
from tandem.store import locks
from tandem.store.database import Database

_LOOK_AGAIN_S = 60.0
"""Whoever leaves wakes the next; this is for the case that nobody could."""


class Locking(Protocol):
    """Takes and gives up the lock of one run."""

    async def enter(self, keys: Sequence[str], *, shared: bool) -> int: ...

    async def leave(self, place: int) -> None: ...


class StoredLocking:
    """In the store. ``enter`` suspends the run while others go first. Both raise Fenced once another worker has it.

    ``announce`` is called when runs have become ready.
    """

    def __init__(
        self, database: Database, clock: Clock, journal: Journal, epoch: int, announce: Callable[[], Awaitable[None]]
    ) -> None:
        self._database, self._clock, self._journal, self._epoch = database, clock, journal, epoch
        self._announce = announce

    async def enter(self, keys: Sequence[str], *, shared: bool) -> int:
        """The number of our place; it is another one when the lock was given up and taken again."""
        run_id, epoch = self._journal.run_id, self._epoch
        place = await self._database.write(
            lambda connection: locks.enter(connection, run_id, epoch, keys, shared=shared)
        )
        if place is None:
            raise Fenced
        if not place.held:
            await self._journal.flush()
            raise Suspended(wake_at=self._clock.now() + timedelta(seconds=_LOOK_AGAIN_S), for_lock=True)
        return place.number

    async def leave(self, place: int) -> None:
        """Give the place up, once what the journal was told is on the disk."""
        run_id, epoch = self._journal.run_id, self._epoch
        woken = await self._database.write(lambda connection: locks.leave(connection, run_id, epoch, place))
        if woken is None:
            raise Fenced
        if woken:
            await self._announce()


class NoLocking:
    """For a run that writes nothing: nobody needs to wait for it. Each block has a place of its own all the same."""

    def __init__(self) -> None:
        self._places = count(1)

    async def enter(self, keys: Sequence[str], *, shared: bool) -> int:
        return next(self._places)

    async def leave(self, place: int) -> None: ...
