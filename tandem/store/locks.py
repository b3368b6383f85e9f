"""Locks of runs on business objects, such as a material: kept in the store, so that they outlive a crash.

Whoever wants a lock takes a place in the queue of each of its keys at once. Places are given out one after the other
for the whole store, so the run with the lowest place is never kept waiting by a later one, and no two runs wait for
each other. A lock belongs to a run, not to a worker: a run that is taken over still has it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, Exists, and_, delete, exists, insert, literal, or_, select, update

from tandem.store import runs as run_rows
from tandem.store.schema import locks, runs, turnstile


@dataclass(frozen=True)
class Place:
    """A run's place in the queues of its keys. ``number`` is the same as long as it is not given up; ``held``: the lock
    is the run's, else it has to wait."""

    number: int
    held: bool


def enter(connection: Connection, run_id: str, epoch: int, keys: Sequence[str], *, shared: bool) -> Place | None:
    """Take a place for all keys, or look how the one taken before stands. None when another worker has the run.

    Shared locks of a key keep only exclusive ones waiting.
    """
    if not _is_ours(connection, run_id, epoch):
        return None
    number = _place_of(connection, run_id, keys, shared=shared)
    if number is None:
        _give_up(connection, run_id)
        number = _queue_up(connection, run_id, keys, shared=shared)
    held = _is_free(connection, run_id)
    if held:
        connection.execute(update(locks).where(locks.c.run_id == run_id).values(held=1))
    return Place(number, held)


def leave(connection: Connection, run_id: str, epoch: int, number: int | None = None) -> int | None:
    """Give a run's place up, and make ready the runs that waited for it alone; how many. None when another worker has
    the run.

    ``number``: nothing is given up if its place is another one by now.
    """
    if not _is_ours(connection, run_id, epoch):
        return None
    return _give_up(connection, run_id, number)


def await_turn(connection: Connection, run_id: str) -> None:
    """Make a run that was just suspended ready again if nobody is in its way any more: it missed being woken."""
    _pass_turnstile(connection)
    if _is_free(connection, run_id):
        run_rows.make_ready(connection, [run_id])


def _is_ours(connection: Connection, run_id: str, epoch: int) -> bool:
    ours = select(runs.c.id).where(runs.c.id == run_id, runs.c.epoch == epoch).with_for_update()
    return connection.execute(ours).first() is not None


def _give_up(connection: Connection, run_id: str, number: int | None = None) -> int:
    ours = locks.c.run_id == run_id if number is None else and_(locks.c.run_id == run_id, locks.c.place == number)
    keys = connection.execute(select(locks.c.key).where(ours)).scalars().all()
    if not keys:
        return 0
    _pass_turnstile(connection)
    connection.execute(delete(locks).where(locks.c.run_id == run_id))
    queued = select(locks.c.run_id).where(locks.c.key.in_(keys), locks.c.held == 0, ~_must_wait(locks.c.run_id))
    woken = connection.execute(queued.distinct()).scalars().all()
    run_rows.make_ready(connection, woken)
    return len(woken)


def _pass_turnstile(connection: Connection) -> int:
    """The next number. Its row is locked until the commit: what follows in the transaction is done by one run after the
    other, and places become visible in the order of their numbers."""
    passed = update(turnstile).where(turnstile.c.id == 1).values(place=turnstile.c.place + 1)
    number: int = connection.execute(passed.returning(turnstile.c.place)).scalar_one()
    return number


def _place_of(connection: Connection, run_id: str, keys: Sequence[str], *, shared: bool) -> int | None:
    """The place the run has, if it is one for just these keys."""
    query = select(locks.c.key, locks.c.place).where(locks.c.run_id == run_id, locks.c.shared == int(shared))
    places = dict(connection.execute(query).all())
    return next(iter(places.values())) if places.keys() == set(keys) else None


def _queue_up(connection: Connection, run_id: str, keys: Sequence[str], *, shared: bool) -> int:
    number = _pass_turnstile(connection)
    rows = [
        {"key": key, "run_id": run_id, "place": number, "shared": int(shared), "held": 0} for key in sorted(set(keys))
    ]
    connection.execute(insert(locks), rows)
    return number


def _is_free(connection: Connection, run_id: str) -> bool:
    return not connection.execute(select(_must_wait(literal(run_id)))).scalar_one()


def _must_wait(run_id: ColumnElement[str]) -> Exists:
    """Whether somebody with an earlier place of one of its keys is in the run's way."""
    mine, earlier = locks.alias("mine"), locks.alias("earlier")
    in_the_way = and_(
        earlier.c.key == mine.c.key,
        earlier.c.place < mine.c.place,
        or_(earlier.c.shared == 0, mine.c.shared == 0),
    )
    return exists().where(mine.c.run_id == run_id, in_the_way)
