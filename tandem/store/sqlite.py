"""SQLite in WAL mode with ``synchronous=FULL``: the embedded store, one file, one engine process."""

from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from tandem.errors import StoreError
from tandem.store.migrate import is_current, upgrade


def not_opened(path: Path, error: OSError) -> StoreError:
    """A folder or file that cannot be used, in one sentence."""
    return StoreError(
        "The store {path} cannot be opened: {why}. Choose a folder you may write to.", path=path, why=error.strerror
    )


class SqliteBackend:
    """One file. Raises StoreError when it cannot be opened or written."""

    patience_s = 0.0

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.reading = _engine(path)
        self.writing = _engine(path, immediate=True)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._prepare()
        except OSError as error:
            raise not_opened(path, error) from None
        except DBAPIError as error:
            raise self.store_error(error) from None

    def _prepare(self) -> None:
        """Make or upgrade the tables, all or nothing; of several processes that start at once, one does."""
        if not is_current(self.reading):
            with self.writing.begin() as connection:
                upgrade(connection)

    def seal(self, connection: Connection, number: int) -> None:
        """A commit to a file is always answered."""

    def is_committed(self, connection: Connection, number: int) -> bool:
        raise NotImplementedError

    def is_lost(self, error: DBAPIError) -> bool:
        """Never: a file has no connection that could break."""
        return False

    def is_conflict(self, error: DBAPIError) -> bool:
        """Never: a transaction has the write lock from its beginning."""
        return False

    def is_held_up(self, error: DBAPIError) -> bool:
        """Never: who waits for the write lock has done nothing yet, and is told that the file is locked."""
        return False

    def end_stalled(self) -> None:
        """A file has no sessions."""

    def store_error(self, error: DBAPIError) -> StoreError:
        """The failure in one sentence."""
        return StoreError(
            "The store {path} cannot be used: {why}. Nothing was lost; free space or repair the file, then start "
            "again.",
            path=self.name,
            why=str(error.orig),
        )

    def close(self) -> None:
        """Let go of the file."""
        self.writing.dispose()
        self.reading.dispose()


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
