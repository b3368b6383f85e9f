"""A run's lock on business objects: nobody else is under way with them while it holds."""

from collections.abc import Sequence
from datetime import timedelta
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

    def leave(self, place: int) -> None: ...


class StoredLocking:
    """In the store. ``enter`` suspends the run while others go first; raises Fenced when another worker has the run."""

    def __init__(self, database: Database, clock: Clock, journal: Journal, epoch: int) -> None:
        self._database, self._clock, self._journal, self._epoch = database, clock, journal, epoch

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

    def leave(self, place: int) -> None:
        """Give the place up, in order with what the journal was told, without waiting for the disk."""
        run_id, epoch = self._journal.run_id, self._epoch
        self._journal.alongside(lambda connection: locks.leave(connection, run_id, epoch, place))


class NoLocking:
    """For a run that writes nothing: nobody needs to wait for it."""

    async def enter(self, keys: Sequence[str], *, shared: bool) -> int:
        return 0

    def leave(self, place: int) -> None: ...
