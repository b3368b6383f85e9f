"""The tables. Instants are microseconds since 1970 in UTC; JSON is text, its personal fields sealed."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.engine import Dialect

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Instant(TypeDecorator[datetime]):
    """An aware UTC instant, kept as an integer so that it sorts and compares alike in every store."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:
        return instant(value)


def instant(microseconds: int | None) -> datetime | None:
    """The instant kept as this number."""
    return None if microseconds is None else _EPOCH + timedelta(microseconds=microseconds)


metadata = MetaData()

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("bot", Text, nullable=False),
    Column("business_key", Text, nullable=False),
    Column("dedupe_key", Text, unique=True),
    Column("mode", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("outcome", Text),
    Column("input", Text, nullable=False),
    Column("result", Text),
    Column("epoch", Integer, nullable=False, default=0),
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("wake_at", Instant),
    Column("ticket_id", Integer),
    Column("queue", Text, nullable=False, server_default="api"),
    Column("worker", Text),
    Index("runs_by_status", "status", "id"),
    Index("runs_by_key", "business_key", "status"),
)
_is_timed = runs.c.wake_at.is_not(None)
Index("runs_due", runs.c.status, runs.c.wake_at, sqlite_where=_is_timed, postgresql_where=_is_timed)

pruned_keys = Table(
    "pruned_keys",
    metadata,
    Column("dedupe_key", Text, primary_key=True),
    Column("run_id", Text, nullable=False),
)
"""What is left of a finished run that was pruned: the version of a document that nobody may work on again."""

journal = Table(
    "journal",
    metadata,
    Column("run_id", Text, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("step", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("body", Text, nullable=False),
)

tickets = Table(
    "tickets",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("fingerprint", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("system", Text, nullable=False),
    Column("operation", Text, nullable=False),
    Column("channel", Text),
    Column("reference", Text),
    Column("error", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    Column("resolution", Text),
    Index("tickets_by_fingerprint", "fingerprint", "status"),
    Index("tickets_by_status", "status", "id"),
)
Index(
    "tickets_open",
    tickets.c.fingerprint,
    unique=True,
    sqlite_where=tickets.c.status == "open",
    postgresql_where=tickets.c.status == "open",
)

ticket_runs = Table(
    "ticket_runs",
    metadata,
    Column("ticket_id", Integer, ForeignKey("tickets.id"), primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("step", Text, primary_key=True),
    Column("blocking", Integer, nullable=False),
    Column("reference", Text),
    Index("ticket_runs_by_run", "run_id"),
)

ticket_evidence = Table(
    "ticket_evidence",
    metadata,
    Column("ticket_id", Integer, ForeignKey("tickets.id"), primary_key=True),
    Column("path", Text, primary_key=True),
    Column("kind", Text, nullable=False),
)

locks = Table(
    "locks",
    metadata,
    Column("key", Text, primary_key=True),
    Column("run_id", Text, primary_key=True),
    Column("place", BigInteger, nullable=False),
    Column("shared", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Index("locks_by_run", "run_id", "place"),
    Index("locks_by_place", "key", "place"),
)

turnstile = Table(
    "turnstile",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("place", BigInteger, nullable=False),
)

watermarks = Table(
    "watermarks",
    metadata,
    Column("bot", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", Text, primary_key=True),
    Column("rule", Text, primary_key=True),
    Column("since", Instant, nullable=False),
    Column("held_by", Text),
    Column("held_until", Instant),
)

firings = Table(
    "firings",
    metadata,
    Column("schedule", Text, primary_key=True),
    Column("due_at", Instant, primary_key=True),
    Column("cause", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("noted_at", Instant, nullable=False),
    Index("firings_by_noted_at", "schedule", "noted_at"),
    Index("firings_by_outcome", "schedule", "outcome", "noted_at"),
)

firing_runs = Table(
    "firing_runs",
    metadata,
    Column("schedule", Text, primary_key=True),
    Column("due_at", Instant, primary_key=True),
    Column("run_id", Text, primary_key=True),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("source", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("run_id", Text),
    Index("deliveries_by_at", "at"),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

workers = Table(
    "workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("queues", Text, nullable=False),
    Column("concurrency", Integer, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

duties = Table(
    "duties",
    metadata,
    Column("name", Text, primary_key=True),
    Column("until", Instant, nullable=False),
)

writers = Table(
    "writers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("last_group", BigInteger, nullable=False),
)
"""PostgreSQL only: the number of the last group of writes that each writer has committed."""
