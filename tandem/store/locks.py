"""Locks of runs on business objects, such as a material: kept in the store, so that they outlive a crash.

Whoever wants a lock takes a place in the queue of each of its keys at once. Places are given out one after the other
for the whole store, so the run with the lowest place is never kept waiting by a later one, and no two runs wait for
each other. A lock belongs to a run, not to a worker: a run that is taken over still has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, Select, and_, bindparam, delete, exists, insert, or_, select, update

from tandem.store import runs as run_rows
from tandem.store.schema import locks, runs, turnstile


@dataclass(frozen=True)
class Place:
    """A run's place in the queues of its keys. ``number`` is the same as long as it is not given up; ``held``: the lock
    is the run's, else it has to wait."""

    number: int
    held: bool


_mine, _earlier = locks.alias("mine"), locks.alias("earlier")
_in_the_way = and_(
    _earlier.c.key == _mine.c.key,
    _earlier.c.place < _mine.c.place,
    or_(_earlier.c.shared == 0, _mine.c.shared == 0),
)
_of_run = locks.c.run_id == bindparam("run")
# Built once: half of a short statement's time is building it.
_lock_run: Select[Any] = (
    select(locks.c.key, locks.c.place, locks.c.shared)
    .select_from(runs.outerjoin(locks, locks.c.run_id == runs.c.id))
    .where(runs.c.id == bindparam("run"), runs.c.epoch == bindparam("run_epoch"))
    .with_for_update(of=runs)
)
_pass = update(turnstile).where(turnstile.c.id == 1).values(place=turnstile.c.place + 1).returning(turnstile.c.place)
_insert = insert(locks)
_delete = delete(locks).where(_of_run)
_must_wait = exists().where(_mine.c.run_id == bindparam("run"), _in_the_way)
_is_kept_waiting = select(_must_wait)
_hold = update(locks).where(_of_run, ~_must_wait).values(held=1)
_free_to_go = (
    select(locks.c.run_id)
    .where(
        locks.c.key.in_(bindparam("keys", expanding=True)),
        locks.c.held == 0,
        ~exists().where(_mine.c.run_id == locks.c.run_id, _in_the_way),
    )
    .distinct()
)


def enter(connection: Connection, run_id: str, epoch: int, keys: Sequence[str], *, shared: bool) -> Place | None:
    """Take a place for all keys, or look how the one taken before stands. None when another worker has the run.

    Shared locks of a key keep only exclusive ones waiting.
    """
    had = _places(connection, run_id, epoch)
    if had is None:
        return None
    if had and {(row.key, bool(row.shared)) for row in had} == {(key, shared) for key in keys}:
        number = had[0].place
    else:
        _give_up(connection, run_id, [row.key for row in had])
        number = _queue_up(connection, run_id, keys, shared=shared)
    return Place(number, connection.execute(_hold, {"run": run_id}).rowcount > 0)


def leave(connection: Connection, run_id: str, epoch: int, number: int | None = None) -> int | None:
    """Give a run's place up, and make ready the runs that waited for it alone; how many. None when another worker has
    the run.

    ``number``: nothing is given up if its place is another one by now.
    """
    had = _places(connection, run_id, epoch)
    if had is None:
        return None
    return _give_up(connection, run_id, [row.key for row in had if number in (None, row.place)])


def await_turn(connection: Connection, run_id: str) -> None:
    """Make a run that was just suspended ready again if nobody is in its way any more: it missed being woken."""
    _pass_turnstile(connection)
    if not connection.execute(_is_kept_waiting, {"run": run_id}).scalar_one():
        run_rows.make_ready(connection, [run_id])


def _places(connection: Connection, run_id: str, epoch: int) -> Sequence[Row[Any]] | None:
    """The run's places, and the run locked until the commit; None when another worker has it."""
    found = connection.execute(_lock_run, {"run": run_id, "run_epoch": epoch}).all()
    return [row for row in found if row.key is not None] if found else None


def _give_up(connection: Connection, run_id: str, keys: Sequence[str]) -> int:
    """Leave the queues of these keys, all that the run stands in; how many runs can go on."""
    if not keys:
        return 0
    _pass_turnstile(connection)
    connection.execute(_delete, {"run": run_id})
    woken = connection.execute(_free_to_go, {"keys": keys}).scalars().all()
    run_rows.make_ready(connection, woken)
    return len(woken)


def _pass_turnstile(connection: Connection) -> int:
    """The next number. Its row is locked until the commit: what follows in the transaction is done by one run after the
    other, and places become visible in the order of their numbers."""
    number: int = connection.execute(_pass).scalar_one()
    return number


def _queue_up(connection: Connection, run_id: str, keys: Sequence[str], *, shared: bool) -> int:
    number = _pass_turnstile(connection)
    rows = [
        {"key": key, "run_id": run_id, "place": number, "shared": int(shared), "held": 0} for key in sorted(set(keys))
    ]
    connection.execute(_insert, rows)
    return number
