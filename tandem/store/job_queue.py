"""Procrastinate's own tables, beside ours: it carries ids of runs to workers, our tables say what they are."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Text, and_, bindparam, column, exists, func, or_, select, table, text
from sqlalchemy.dialects.postgresql import ENUM

from tandem.store.runs import Scope
from tandem.store.schema import runs

_Status = ENUM("todo", "doing", name="procrastinate_job_status", create_type=False)
jobs = table("procrastinate_jobs", column("queueing_lock", Text), column("status", _Status))


@dataclass(frozen=True)
class Undispatched:
    """A run that no job leads to. ``begun``: it has executed before; ``wake_at`` None: it is ready now."""

    run_id: str
    business_key: str
    queue: str
    begun: bool
    wake_at: datetime | None


def is_there(connection: Connection) -> bool:
    """Whether the tables have been made."""
    return connection.execute(text("SELECT to_regclass('procrastinate_jobs')")).scalar() is not None


def create(connection: Connection) -> None:
    """Make the tables, unless they are there; the caller holds a lock against others who would."""
    from procrastinate.schema import SchemaManager

    if not is_there(connection):
        driver = connection.connection.driver_connection
        assert driver is not None
        driver.execute(SchemaManager.get_schema())


_others_left = (
    select(runs.c.id).where(runs.c.business_key == bindparam("key"), runs.c.status.in_(["ready", "waiting"])).limit(1)
)


def has_more(connection: Connection, business_key: str) -> bool:
    """Whether any run of the business key is ready or waits; one cheap query."""
    return connection.execute(_others_left, {"key": business_key}).first() is not None


def undispatched(
    connection: Connection, limit: int, until: datetime, scope: Scope, business_key: str | None = None
) -> list[Undispatched]:
    """Runs that are ready, or due by ``until``, whose turn it is and that no live job leads to; the oldest first.

    No more than fill the queue up to ``limit`` jobs. ``business_key``: only of that one, however full the queue is.
    """
    if business_key is None:
        limit -= connection.execute(select(func.count()).where(jobs.c.status == "todo")).scalar_one()
    if limit <= 0:
        return []
    (within,) = scope.parts()
    live = exists().where(jobs.c.queueing_lock == runs.c.id, jobs.c.status.in_(["todo", "doing"]))
    due = or_(runs.c.status == "ready", and_(runs.c.status == "waiting", runs.c.wake_at <= until))
    query = select(runs).where(due, within, ~live).order_by(runs.c.id).limit(limit)
    if business_key is not None:
        query = query.where(runs.c.business_key == business_key)
    return [
        Undispatched(row.id, row.business_key, row.queue, row.epoch > 0, row.wake_at)
        for row in connection.execute(query)
    ]
