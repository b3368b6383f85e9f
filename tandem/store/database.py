"""One database: every write of a process goes through one writer that commits what has queued up together."""

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from tandem import log
from tandem.errors import StoreError
from tandem.store.backend import Backend
from tandem.store.change import carry_out
from tandem.store.telling import tell, tell_failure

T = TypeVar("T")
Work = Callable[[Connection], T]
_Item = tuple[Work[Any], asyncio.Future[Any]]
_GROUP_AT_MOST = 256
_CONFLICTS_AT_MOST = 10
_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0


class Database:
    """What ``write`` returned from is on the disk.

    ``write``, ``enqueue`` and ``read`` take a function of a connection; it may be called again (when its group had to
    be rolled back, or the connection was lost), so it must do nothing but SQL. Writes are carried out in the order
    they were given, each exactly once: a commit that was not answered is looked up, never guessed.
    Raises StoreError when the database cannot be used, or stays away for longer than the backend's patience.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._connection: Connection | None = None
        self._number = 0
        self._closed = False
        self._writer = threading.Thread(target=self._write_groups, name="store-writer", daemon=True)
        self._writer.start()

    def enqueue(self, work: Work[T]) -> asyncio.Future[T]:
        """Give work to the writer without waiting; the future is set once it is on the disk.

        Whoever is cancelled while waiting for it, or waits no more, does not keep the work from being done.
        """
        if self._closed:
            raise StoreError(
                "The store {path} has been closed. Nothing was written; start again.", path=self.backend.name
            )
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put((work, future))
        return future

    async def write(self, work: Work[T]) -> T:
        """Do the work and wait until it is on the disk."""
        return await self.enqueue(work)

    async def read(self, work: Work[T]) -> T:
        """Do the work on what is committed, in a thread of its own."""
        return await asyncio.to_thread(self._read, work)

    async def close(self) -> None:
        """Finish what is queued, then let go of the database."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._writer.join)
            await asyncio.to_thread(self.backend.close)

    def _read(self, work: Work[T]) -> T:
        patience = _Patience(self.backend)
        while True:
            try:
                with self.backend.reading.connect() as connection:
                    return work(connection)
            except DBAPIError as error:
                if not self.backend.is_lost(error) or not patience.wait():
                    raise self.backend.store_error(error) from None

    def _write_groups(self) -> None:
        while group := self._next_group():
            self._write_group(group)
        self._disconnect()

    def _next_group(self) -> list[_Item]:
        first = self._queue.get()
        if first is None:
            return []
        group = [first]
        while len(group) < _GROUP_AT_MOST:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._queue.put(None)
                break
            group.append(item)
        return group

    def _write_group(self, group: list[_Item]) -> None:
        """Together if possible; else one by one, so that what fails fails alone."""
        try:
            results = self._carry_out([work for work, _ in group])
        except _Away as away:
            tell_failure((future for _, future in group), away.error)
        except Exception as error:  # noqa: BLE001 - whatever failed is told to its own caller
            if len(group) > 1:
                for item in group:
                    self._write_group([item])
            else:
                told = self.backend.store_error(error) if isinstance(error, DBAPIError) else error
                tell_failure([group[0][1]], told)
        else:
            tell(zip((future for _, future in group), results, strict=True))

    def _carry_out(self, works: list[Work[Any]]) -> list[Any]:
        """The results of the works, done in one transaction, once it is committed."""
        patience, lock_patience = _Patience(self.backend), _Patience(self.backend, "store.held_up")
        conflicts = 0
        doubtful: list[Any] | None = None
        while True:
            try:
                connection = self._connected()
                if doubtful is not None and self.backend.is_committed(connection, self._number):
                    return doubtful
                doubtful = None
                self._number += 1
                with connection.begin():
                    results = carry_out(connection, works)
                    self.backend.seal(connection, self._number)
                    doubtful = results
                return results
            except DBAPIError as error:
                if self.backend.is_lost(error):
                    self._disconnect(broken=True)
                    if not patience.wait():
                        raise _Away(self.backend.store_error(error)) from None
                elif self.backend.is_held_up(error) and lock_patience.wait():
                    self.backend.end_stalled()
                elif self.backend.is_conflict(error) and len(works) == 1 and conflicts < _CONFLICTS_AT_MOST:
                    conflicts, doubtful = conflicts + 1, None
                elif doubtful is not None:
                    raise _Away(self.backend.store_error(error)) from None
                else:
                    raise

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self.backend.writing.connect()
        return self._connection

    def _disconnect(self, *, broken: bool = False) -> None:
        if self._connection is not None:
            if broken:
                self._connection.invalidate()
            self._connection.close()
            self._connection = None


class _Away(Exception):
    """The database stayed away for too long, or did not say what became of a commit; ``error`` is for the callers."""

    def __init__(self, error: StoreError) -> None:
        super().__init__(error)
        self.error = error


class _Patience:
    """Waiting for a lost database or a lock, longer each time, until the backend's patience is at its end."""

    def __init__(self, backend: Backend, event: str = "store.lost") -> None:
        self._backend, self._event = backend, event
        self._until_s: float | None = None
        self._pause_s = _PAUSE_S

    def wait(self) -> bool:
        """Whether it is worth another try; after a pause."""
        now_s = time.monotonic()
        if self._until_s is None:
            self._until_s = now_s + self._backend.patience_s
            log.event(self._event, level="WARNING", store=self._backend.name)
        if now_s >= self._until_s:
            return False
        time.sleep(min(self._pause_s, self._until_s - now_s))
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        return True
