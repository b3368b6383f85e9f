"""Opening a store by its name: a file is SQLite, a URL says which."""

from pathlib import Path

from tandem.store.database import Database
from tandem.store.sqlite import SqliteBackend


def open_database(store: Path | str, *, password: str | None = None, patience_s: float = 60.0) -> Database:
    """The database of a file's path, or of a URL ``postgresql://user@host:port/database``; brought to our schema.

    ``password`` and ``patience_s`` (how long to wait for a lost connection) are for a server. Raises UsageError,
    StoreError.
    """
    if isinstance(store, Path):
        return Database(SqliteBackend(store))
    from tandem.store.postgresql import PostgresqlBackend  # loaded only where a server is used

    return Database(PostgresqlBackend(store, password=password, patience_s=patience_s))
