"""Locks of runs on business objects, such as a material: kept in the store, so that they outlive a crash.

Whoever wants a lock takes a place in the queue of each of its keys at once. Places are given out one after the other
for the whole store, so the run with the lowest place is never kept waiting by a later one, and no two runs wait for
each other. A lock belongs to a run, not to a worker: a run that is taken over still has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, or_, select, update

from tandem.store import runs as run_rows
from tandem.store.schema import locks, runs, turnstile
from tandem.store.statement import Statement


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
_lock_run = Statement(
    select(locks.c.key, locks.c.place, locks.c.shared)
    .select_from(runs.outerjoin(locks, locks.c.run_id == runs.c.id))
    .where(runs.c.id == bindparam("run"), runs.c.epoch == bindparam("run_epoch"))
    .with_for_update(of=runs)
)
_pass = Statement(
    update(turnstile).where(turnstile.c.id == 1).values(place=turnstile.c.place + 1).returning(turnstile.c.place)
)
_insert = Statement(insert(locks))
_delete = Statement(delete(locks).where(_of_run))
_must_wait = exists().where(_mine.c.run_id == bindparam("run"), _in_the_way)
_is_kept_waiting = Statement(select(_must_wait))
_hold = Statement(update(locks).where(_of_run, ~_must_wait).values(held=1))
_leaving = locks.alias("leaving")
_waits_for_this = exists().where(_leaving.c.run_id == bindparam("run"), _leaving.c.key == locks.c.key)
_waits_for_others = exists().where(_mine.c.run_id == locks.c.run_id, _in_the_way, _earlier.c.run_id != bindparam("run"))
_let_go_by = Statement(
    select(locks.c.run_id)
    .where(locks.c.held == 0, locks.c.run_id != bindparam("run"), _waits_for_this, ~_waits_for_others)
    .distinct()
)
"""The runs that nothing keeps waiting but this one."""


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
        if had:
            _give_up(connection, run_id)
        number = _queue_up(connection, run_id, keys, shared=shared)
    return Place(number, _hold.changed(connection, {"run": run_id}) > 0)


def leave(connection: Connection, run_id: str, epoch: int, number: int | None = None) -> int | None:
    """Give a run's place up, and make ready the runs that waited for it alone; how many. None when another worker has
    the run.

    ``number``: nothing is given up if its place is another one by now.
    """
    had = _places(connection, run_id, epoch)
    if had is None:
        return None
    return _give_up(connection, run_id) if had and number in (None, had[0].place) else 0


def await_turn(connection: Connection, run_id: str) -> None:
    """Make a run that was just suspended ready again if nobody is in its way any more: it missed being woken."""
    _pass_turnstile(connection)
    ((is_kept_waiting,),) = _is_kept_waiting.rows(connection, {"run": run_id})
    if not is_kept_waiting:
        run_rows.make_ready(connection, [run_id])


def _places(connection: Connection, run_id: str, epoch: int) -> Sequence[Any] | None:
    """The run's places, and the run locked until the commit; None when another worker has it."""
    found = _lock_run.rows(connection, {"run": run_id, "run_epoch": epoch})
    return [row for row in found if row.key is not None] if found else None


def _give_up(connection: Connection, run_id: str) -> int:
    """Leave the queues the run stands in; how many runs can go on."""
    _pass_turnstile(connection)
    woken = [waiting for (waiting,) in _let_go_by.rows(connection, {"run": run_id})]
    _delete.changed(connection, {"run": run_id})
    run_rows.make_ready(connection, woken)
    return len(woken)


def _pass_turnstile(connection: Connection) -> int:
    """The next number. Its row is locked until the commit: what follows in the transaction is done by one run after the
    other, and places become visible in the order of their numbers."""
    ((number,),) = _pass.rows(connection, {})
    return int(number)


def _queue_up(connection: Connection, run_id: str, keys: Sequence[str], *, shared: bool) -> int:
    number = _pass_turnstile(connection)
    rows = [
        {"key": key, "run_id": run_id, "place": number, "shared": int(shared), "held": 0} for key in sorted(set(keys))
    ]
    _insert.changed_by_all(connection, rows)
    return number
