"""Workers: the processes that execute runs, what each can do, and when it was last seen.

Times are the store's own: the clocks of many machines need not agree.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, literal, or_, select

from tandem.store.schema import duties, runs, workers
from tandem.store.store_clock import store_now
from tandem.store.upsert import insert_into

BEAT_S = 2.0
"""How often a worker says that it lives."""
DEAD_AFTER_S = 8.0
"""A worker that was silent for so long is taken for dead: others take its runs, and it is fenced."""
ALL_QUEUES = ""


@dataclass(frozen=True)
class Worker:
    """One process. ``name``: host and process id; ``queues`` None: all there are."""

    id: str
    name: str
    queues: Sequence[str] | None
    concurrency: int


@dataclass(frozen=True)
class WorkerRow:
    """A worker as it stands in the store. ``in_hand``: how many runs it executes now."""

    id: str
    name: str
    queues: tuple[str, ...] | None
    concurrency: int
    started_at: datetime
    seen_at: datetime
    alive: bool
    in_hand: int


def beat(connection: Connection, worker: Worker) -> None:
    """Say that the worker lives; the first time, that it is there."""
    now = store_now(connection)
    new = insert_into(connection, workers).values(
        id=worker.id,
        name=worker.name,
        queues=ALL_QUEUES if worker.queues is None else ",".join(worker.queues),
        concurrency=worker.concurrency,
        started_at=now,
        seen_at=now,
    )
    connection.execute(new.on_conflict_do_update(index_elements=["id"], set_={"seen_at": new.excluded.seen_at}))


def leave(connection: Connection, worker_id: str) -> None:
    """The worker has ended as it should."""
    connection.execute(delete(workers).where(workers.c.id == worker_id))


def forget_all(connection: Connection) -> None:
    """No worker is there: for an embedded store that nobody else has open."""
    connection.execute(delete(workers))


def list_all(connection: Connection) -> list[WorkerRow]:
    """Every worker, those that died without a word included, oldest first."""
    dead_before = store_now(connection) - timedelta(seconds=DEAD_AFTER_S)
    in_hand = (
        select(func.count())
        .where(runs.c.status == "running", runs.c.worker == workers.c.id)
        .scalar_subquery()
        .label("in_hand")
    )
    rows = connection.execute(select(workers, in_hand).order_by(workers.c.started_at, workers.c.id))
    return [
        WorkerRow(
            id=row.id,
            name=row.name,
            queues=None if row.queues == ALL_QUEUES else tuple(row.queues.split(",")),
            concurrency=row.concurrency,
            started_at=row.started_at,
            seen_at=row.seen_at,
            alive=row.seen_at > dead_before,
            in_hand=row.in_hand,
        )
        for row in rows
    ]


def is_gone(connection: Connection, worker_id: ColumnElement[str | None]) -> ColumnElement[bool]:
    """Whether the worker of that id has left, or is taken for dead."""
    dead_before = store_now(connection) - timedelta(seconds=DEAD_AFTER_S)
    alive = select(workers.c.id).where(workers.c.id == worker_id, workers.c.seen_at > dead_before)
    return or_(worker_id.is_(None), ~alive.exists())


def is_alive(connection: Connection, worker_id: str) -> bool:
    """Whether the worker is there and is not taken for dead."""
    return not connection.execute(select(is_gone(connection, literal(worker_id)))).scalar_one()


def bury(connection: Connection) -> None:
    """Forget the workers that have been dead for an hour."""
    connection.execute(delete(workers).where(workers.c.seen_at < store_now(connection) - timedelta(hours=1)))


def take_duty(connection: Connection, name: str, for_s: float) -> bool:
    """Whether this process shall do what one of all should do now and then; no other is asked for ``for_s``."""
    now = store_now(connection)
    new = insert_into(connection, duties).values(name=name, until=now + timedelta(seconds=for_s))
    taken = new.on_conflict_do_update(
        index_elements=["name"], set_={"until": new.excluded.until}, where=duties.c.until <= now
    )
    return connection.execute(taken).rowcount == 1
