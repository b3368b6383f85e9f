"""One database: every write goes through one writer that commits what has queued up together."""

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from tandem.errors import StoreError
from tandem.store.change import carry_out
from tandem.store.migrate import upgrade
from tandem.store.waking import together, waited

T = TypeVar("T")
Work = Callable[[Connection], T]
_Item = tuple[Work[Any], Future[Any]]
_GROUP_AT_MOST = 256


class Database:
    """SQLite in WAL mode with ``synchronous=FULL``: what ``write`` returned from is on the disk.

    ``write`` and ``enqueue`` take a function of a connection; it may be called twice (when its group had to be rolled
    back), so it must do nothing but SQL. Writes are carried out in the order they were given.
    Raises StoreError when the file cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._engine = _open(path)
        self._writing = _engine(path, immediate=True)
        self._queue: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._closed = False
        self._writer = threading.Thread(target=self._write_groups, name="store-writer", daemon=True)
        self._writer.start()

    def enqueue(self, work: Work[T]) -> Future[T]:
        """Give work to the writer without waiting; the future is set once it is on the disk."""
        if self._closed:
            raise StoreError("The store {path} has been closed. Nothing was written; start again.", path=self.path)
        future: Future[T] = Future()
        self._queue.put((work, future))
        return future

    async def write(self, work: Work[T]) -> T:
        """Do the work and wait until it is on the disk."""
        return await waited(self.enqueue(work))

    async def read(self, work: Work[T]) -> T:
        """Do the work on what is committed, in a thread of its own."""
        return await asyncio.to_thread(self._read, work)

    async def close(self) -> None:
        """Finish what is queued, then let go of the file."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
            await asyncio.to_thread(self._writer.join)
            self._writing.dispose()
            self._engine.dispose()

    def _read(self, work: Work[T]) -> T:
        try:
            with self._engine.connect() as connection:
                return work(connection)
        except DBAPIError as error:
            raise self._store_error(error) from None

    def _write_groups(self) -> None:
        group = self._next_group()
        while group:
            try:
                with self._writing.connect() as connection:
                    while group:
                        self._write_group(connection, group)
                        group = self._next_group()
            except DBAPIError as error:
                _fail(group, self._store_error(error))
                group = self._next_group()

    def _next_group(self) -> list[_Item]:
        first = self._queue.get()
        if first is None:
            return []
        group = [_begun(first)]
        while len(group) < _GROUP_AT_MOST:
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                break
            if item is None:
                self._queue.put(None)
                break
            group.append(_begun(item))
        return group

    def _write_group(self, connection: Connection, group: list[_Item]) -> None:
        try:
            with connection.begin():
                results = carry_out(connection, [work for work, _ in group])
        except Exception as error:  # noqa: BLE001 - whatever failed is told to its own caller
            if len(group) == 1:
                _fail(group, self._store_error(error) if isinstance(error, DBAPIError) else error)
            else:
                for item in group:
                    self._write_group(connection, [item])
            return
        with together():
            for (_, future), result in zip(group, results, strict=True):
                if not future.done():
                    future.set_result(result)

    def _store_error(self, error: DBAPIError) -> StoreError:
        return _store_error(self.path, error)


def _begun(item: _Item) -> _Item:
    """From here on the caller can no longer cancel: the work is done, whether or not somebody still waits for it."""
    item[1].set_running_or_notify_cancel()
    return item


def _fail(group: list[_Item], error: Exception) -> None:
    for _, future in group:
        if not future.done():
            future.set_exception(error)


def _open(path: Path) -> Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = _engine(path)
        upgrade(engine)
    except OSError as error:
        raise StoreError(
            "The store {path} cannot be opened: {why}. Choose a folder you may write to.", path=path, why=error.strerror
        ) from None
    except DBAPIError as error:
        raise _store_error(path, error) from None
    return engine


def _engine(path: Path, *, immediate: bool = False) -> Engine:
    """``immediate`` transactions take the write lock at once, so that two processes wait instead of failing."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 30})
    event.listen(engine, "connect", _set_pragmas)
    if immediate:
        event.listen(engine, "connect", _leave_transactions_to_us)
        event.listen(engine, "begin", _begin_immediate)
    return engine


def _leave_transactions_to_us(connection: Any, _: object) -> None:
    connection.isolation_level = None


def _begin_immediate(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _set_pragmas(connection: Any, _: object) -> None:
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # of a new file; before anything is written to it
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("PRAGMA busy_timeout=30000")


def _store_error(path: Path, error: DBAPIError) -> StoreError:
    return StoreError(
        "The store {path} cannot be used: {why}. Nothing was lost; free space or repair the file, then start again.",
        path=path,
        why=str(error.orig),
    )
