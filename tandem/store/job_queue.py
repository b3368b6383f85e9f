"""Procrastinate's own tables, beside ours: it carries ids of runs to workers, our tables say what they are."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, Integer, Text, and_, column, exists, func, or_, select, table, text, update
from sqlalchemy.dialects.postgresql import ENUM

from tandem.store.runs import Scope
from tandem.store.schema import runs

_Status = ENUM("todo", "doing", name="procrastinate_job_status", create_type=False)
NEW, BEGUN = 0, 10
"""Priorities of jobs. What has begun goes first: what it has done is half of something."""
jobs = table(
    "procrastinate_jobs",
    column("queueing_lock", Text),
    column("queue_name", Text),
    column("status", _Status),
    column("priority", Integer),
)


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


def undispatched(connection: Connection, limit: int, until: datetime, scope: Scope) -> list[Undispatched]:
    """Runs that are ready, or due by ``until``, whose turn it is and that no live job leads to; the oldest first.

    None of a queue in which ``limit`` jobs wait already: nobody serves it, or not fast enough.
    """
    waiting = select(jobs.c.queue_name).where(jobs.c.status == "todo").group_by(jobs.c.queue_name)
    full = connection.execute(waiting.having(func.count() >= limit)).scalars().all()
    (within,) = scope.parts
    live = exists().where(jobs.c.queueing_lock == runs.c.id, jobs.c.status.in_(["todo", "doing"]))
    due = or_(runs.c.status == "ready", and_(runs.c.status == "waiting", runs.c.wake_at <= until))
    rows = connection.execute(
        select(runs).where(due, within, ~live, runs.c.queue.not_in(full)).order_by(runs.c.id).limit(limit)
    )
    return [Undispatched(row.id, row.business_key, row.queue, row.epoch > 0, row.wake_at) for row in rows]


def put_begun_first(connection: Connection) -> None:
    """Raise the jobs of runs that have begun since: a run taken from a dead worker may have one left from before.

    Two workers that make jobs at once can make two for one run; the second waits while the first is carried out.
    """
    begun = select(runs.c.id).where(runs.c.status == "ready", runs.c.epoch > 0)
    waiting = and_(jobs.c.status == "todo", jobs.c.priority < BEGUN, jobs.c.queueing_lock.in_(begun))
    connection.execute(update(jobs).where(waiting).values(priority=BEGUN))
