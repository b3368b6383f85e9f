"""PostgreSQL: the store of many machines.

A group of writes whose COMMIT was not answered is looked up by a mark that the group itself left: its number, in the
writer's own row. The row is locked by the transaction in doubt, so whoever reads it waits until that one is decided.
(``pg_xact_status`` alone would not do: after a crash of the server, the id of a transaction of which nothing had
reached the disk may be given to another one.)

A worker that was stopped in the middle of a transaction holds nobody up. Between two statements the server ends its
session, but not within a pipeline of them (to the server the client is about to send the next one), and one session in
many stayed beyond the server's limit when it was tried; so whoever waits for a lock ends such sessions.
"""

import re
from contextlib import suppress
from typing import Any

from sqlalchemy import URL, Connection, Engine, bindparam, create_engine, delete, event, make_url, select, text, update
from sqlalchemy.exc import DBAPIError

from tandem.domain.clock import new_id
from tandem.errors import StoreError, UsageError
from tandem.store import job_queue, store_clock
from tandem.store.migrate import is_current, upgrade
from tandem.store.schema import writers
from tandem.text import tr

SCHEME = "postgresql://"
EXTRA = "pip install 'tandem-rpa[postgres]'"
_MIGRATION_LOCK = 0x7A4DE3
_READERS = 4
_SESSION = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
_READER = {
    **_SESSION,
    "application_name": "tandem",
    "options": "-c idle_in_transaction_session_timeout=60s -c lock_timeout=60s",
}
"""A reader holds a lock, or waits for one, only where tables are made."""
_WRITER = {
    **_SESSION,
    "application_name": "tandem writer",
    "options": "-c idle_in_transaction_session_timeout=2s -c lock_timeout=2s",
}
"""The writer tries again, with what stalls ended."""
_CONFLICTS = ("40001", "40P01", "23505")
"""Serialisation failure, deadlock, unique violation."""
_LOST = ("08", "57P01", "57P02", "57P03", "57P05", "25P03", "53300")
"""Connection trouble, server stopping, crashed, starting; session ended while idle; too many connections."""
_NO_LOCK = "55P03"
_end_stalled = text(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
    "AND usename = current_user AND application_name = 'tandem writer' AND state <> 'idle' "
    "AND wait_event = 'ClientRead' AND state_change < clock_timestamp() - interval '2 seconds'"
)
_seal = (
    update(writers)
    .where(writers.c.id == bindparam("writer"))
    .values(last_group=bindparam("number", type_=writers.c.last_group.type))
)


class PostgresqlBackend:
    """One database of a server. Raises UsageError when it cannot be opened: server away, login refused, no such
    database, support not installed.

    ``url``: as in tandem.yaml, without a password; where none is given, libpq looks in PGPASSWORD and ~/.pgpass.
    """

    def __init__(self, url: str, *, password: str | None = None, patience_s: float = 60.0) -> None:
        parts = make_url(url)
        self.name, self.patience_s = url.replace(f"{parts.username}@", "", 1), patience_s
        address = parts.set(drivername="postgresql+psycopg", password=password)
        self.reading = _engine(self.name, address, _READERS, _READER)
        self.writing = _engine(self.name, address, 1, _WRITER)
        self._id, self._has_mark = new_id(), False
        event.listen(self.writing, "connect", self._make_mark)
        try:
            self._prepare()
        except DBAPIError as error:
            self.close()
            raise self._cannot_open(error) from None

    def seal(self, connection: Connection, number: int) -> None:
        """Leave the group's number in the writer's row."""
        connection.execute(_seal, {"writer": self._id, "number": number})

    def is_committed(self, connection: Connection, number: int) -> bool:
        """Whether the mark is there; waits for the transaction that may be leaving it."""
        with connection.begin():
            mark = select(writers.c.last_group).where(writers.c.id == self._id).with_for_update()
            return bool(connection.execute(mark).scalar_one() == number)

    def is_lost(self, error: DBAPIError) -> bool:
        """Whether the server went away, or ended the session."""
        state = _sqlstate(error)
        if state is None:
            return error.connection_invalidated or type(error.orig).__name__ == "OperationalError"
        return state.startswith(_LOST)

    def is_conflict(self, error: DBAPIError) -> bool:
        """Whether another process wrote, or locked, the same rows."""
        return _sqlstate(error) in _CONFLICTS

    def is_held_up(self, error: DBAPIError) -> bool:
        """Whether the writer waited for a lock in vain."""
        return _sqlstate(error) == _NO_LOCK

    def end_stalled(self) -> None:
        """End the sessions of ours that have stood still in a transaction for two seconds."""
        with suppress(DBAPIError), self.reading.connect() as connection:
            connection.execute(_end_stalled)

    def store_error(self, error: DBAPIError) -> StoreError:
        """The failure in one sentence: the server's own, without its detail, which would quote data."""
        return StoreError(
            "The store {path} cannot be used: {why}. What was under way is looked up when it is back. Look after the "
            "database server, then start again.",
            path=self.name,
            why=_why(error),
        )

    def close(self) -> None:
        """Let go of every connection."""
        self.writing.dispose()
        if self._has_mark:
            with suppress(DBAPIError), self.reading.begin() as connection:
                connection.execute(delete(writers).where(writers.c.id == self._id))
        self.reading.dispose()

    def _prepare(self) -> None:
        """Make or upgrade the tables; of several processes that start at once, one does."""
        if is_current(self.reading) and self._has_queue():
            return
        with self.reading.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _MIGRATION_LOCK})
            upgrade(connection)
            job_queue.create(connection)

    def _has_queue(self) -> bool:
        with self.reading.connect() as connection:
            return job_queue.is_there(connection)

    def _make_mark(self, connection: Any, _: object) -> None:
        """The writer's row is on the disk before its first group, so that it can be locked."""
        connection.execute("INSERT INTO writers (id, last_group) VALUES (%s, 0) ON CONFLICT DO NOTHING", (self._id,))
        connection.commit()
        self._has_mark = True

    def _cannot_open(self, error: DBAPIError) -> UsageError:
        return UsageError(
            "The store {path} cannot be opened: {why}. {advice}", path=self.name, why=_why(error), advice=_advice(error)
        )


def _engine(name: str, url: URL, connections: int, session: dict[str, Any]) -> Engine:
    try:
        engine = create_engine(
            url,
            pool_size=connections,
            max_overflow=0,
            connect_args=session,
            hide_parameters=True,
            pool_timeout=600,
            execution_options={store_clock.OPTION: store_clock.ask_server},
        )
    except ModuleNotFoundError:
        raise UsageError(
            "The store {path} needs support for PostgreSQL, which is not installed. Run: {command}",
            path=name,
            command=EXTRA,
        ) from None
    event.listen(engine, "connect", _make_durable)
    return engine


def _make_durable(connection: Any, _: object) -> None:
    """A server may be set up not to wait for the disk; this store must."""
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.commit()


def _sqlstate(error: DBAPIError) -> str | None:
    state = getattr(error.orig, "sqlstate", None)
    return None if state is None else str(state)


def _why(error: DBAPIError) -> str:
    """The server's sentence, or libpq's of a connection that failed."""
    primary = getattr(getattr(error.orig, "diag", None), "message_primary", None)
    told = str(primary or str(error.orig).strip().splitlines()[0])
    return re.split(r"failed: |FATAL:  ", told)[-1].strip().removesuffix(".")


def _advice(error: DBAPIError) -> str:
    told = str(error.orig)
    if "Connection refused" in told or "timeout expired" in told:
        return tr("Start the server, or correct store in tandem.yaml.")
    if "does not exist" in told:
        return tr("Create it on the server (createdb, createuser), or correct store in tandem.yaml.")
    if "no password supplied" in told:
        return tr("Give store.password in tandem.yaml, such as env:NAME, or add a line to ~/.pgpass.")
    if "authentication failed" in told:
        return tr("Correct store.password in tandem.yaml, or the line in ~/.pgpass.")
    if "permission denied" in told:
        return tr("Make the user the owner of the database.")
    return tr("Look after the server, or correct store in tandem.yaml.")
