"""Runs: one execution of a bot for one work item."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Literal

from pydantic_core import to_json
from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Integer,
    Row,
    and_,
    bindparam,
    exists,
    false,
    func,
    literal,
    or_,
    select,
    union_all,
    update,
)

from tandem.store import keys, workers
from tandem.store.change import Change
from tandem.store.schema import instant, pruned_keys, runs
from tandem.store.statement import Statement
from tandem.store.upsert import insert_into

RunStatus = Literal["ready", "running", "waiting", "finished"]
Mode = Literal["unattended", "attended"]


@dataclass(frozen=True)
class NewRun:
    """A run to be started. Of two with the same ``dedupe_key``, one is made. ``queue``: which workers can begin it."""

    id: str
    bot: str
    business_key: str
    dedupe_key: str
    input: Any
    mode: Mode = "unattended"
    queue: str = "api"


@dataclass(frozen=True)
class RunRow:
    """A run as it stands in the store. ``outcome`` is set when it is finished; ``result`` is the bot's own record.

    ``queue``: which workers can go on with it; ``worker``: the last one that had it.
    """

    id: str
    bot: str
    business_key: str
    mode: Mode
    status: RunStatus
    outcome: str | None
    input: Any
    result: Any
    epoch: int
    created_at: datetime
    finished_at: datetime | None
    wake_at: datetime | None
    ticket_id: int | None
    queue: str = "api"
    worker: str | None = None


@dataclass(frozen=True)
class Scope:
    """Which runs a worker may take. ``bots``: those it has; None: all. ``only``: these ids, in any number.

    Attended runs are taken only where somebody attends; ``queues``: by what the worker can do; None: everything.
    """

    bots: Sequence[str] | None = None
    attended: bool = True
    only: Sequence[str] | None = None
    queues: Sequence[str] | None = None

    @cached_property
    def parts(self) -> list[ColumnElement[bool]]:
        """Conditions that together select the scope's runs, oldest first; of one business key one at a time."""
        within = [~_BUSY]
        if self.bots is not None:
            within.append(_one_of(runs.c.bot, self.bots))
        if not self.attended:
            within.append(runs.c.mode != "attended")
        if self.queues is not None:
            within.append(_one_of(runs.c.queue, self.queues))
        if self.only is None:
            return [and_(*within)]
        return [and_(*within, runs.c.id.in_(map(literal, part))) for part in _parts(sorted(self.only), 5000)]

    @cached_property
    def due(self) -> list[list[Statement]]:
        """Queries for the runs that are ready or due at ``now``, by id and business key; at most ``most`` each.

        Asked for one by one, since ready and due runs each have their index, in which the oldest come first.
        """
        kinds = (runs.c.status == "ready", and_(runs.c.status == "waiting", runs.c.wake_at <= bindparam("now")))
        found, most = select(runs.c.id, runs.c.business_key), bindparam("most", type_=Integer)
        return [
            [Statement(found.where(kind, within).order_by(runs.c.id).limit(most)) for kind in kinds]
            for within in self.parts
        ]

    @cached_property
    def wakes(self) -> list[Statement]:
        """Queries for the first instant at which a waiting run becomes due."""
        first = select(func.min(runs.c.wake_at)).where(runs.c.status == "waiting", runs.c.wake_at.is_not(None))
        return [Statement(first.where(within)) for within in self.parts]


ANY = Scope()


def _busy() -> ColumnElement[bool]:
    """Whether another run has the business key: it is under way, or goes before this one.

    Those that wait go before those that are ready, and of these one that has begun before those that have not: what it
    has done is half of something. Then the order of their ids. One order for all, or two runs could each wait for the
    other when a clock that was put back gives the later one the smaller id.
    """
    other = runs.alias("other")
    is_older = other.c.id < runs.c.id
    begun, other_begun = runs.c.epoch > 0, other.c.epoch > 0
    goes_first = and_(or_(other_begun, ~begun), or_(is_older, other_begun != begun))
    return exists().where(
        other.c.business_key == runs.c.business_key,
        other.c.id != runs.c.id,
        or_(
            other.c.status == "running",
            and_(other.c.status == "waiting", or_(runs.c.status == "ready", is_older), runs.c.status != "running"),
            and_(other.c.status == "ready", runs.c.status == "ready", goes_first),
        ),
    )


_BUSY = _busy()


def add(connection: Connection, new: Sequence[NewRun], at: datetime) -> list[str]:
    """Make the runs that do not exist yet; the ids in the order given, those of existing twins included.

    A twin that is ready takes the mode of the new run: who starts it last says whether somebody attends.
    """
    if not new:
        return []
    known = _ids_by_dedupe_key(connection, [run.dedupe_key for run in new])
    _take_mode(connection, new)
    fresh: dict[str, NewRun] = {}
    for run in new:
        if run.dedupe_key not in known:
            fresh.setdefault(run.dedupe_key, run)
    while left := [fresh[key] for key in sorted(fresh) if key not in known]:
        known |= _insert(connection, left, at)
    return [known[run.dedupe_key] for run in new]


def let_go(connection: Connection, dedupe_keys: Sequence[str]) -> None:
    """Let runs that have begun, and not ended, give up these keys, so that the next run with one is made.

    Runs that have not begun keep theirs, and do not begin before this transaction ends.
    """
    for part in _parts(dedupe_keys):
        query = select(runs.c.id).where(runs.c.dedupe_key.in_(part), runs.c.status != "finished")
        held = connection.execute(query.order_by(runs.c.id).with_for_update()).scalars().all()
        begun = and_(runs.c.id.in_(held), runs.c.epoch > 0, runs.c.status != "finished")
        if held:
            connection.execute(update(runs).where(begun).values(dedupe_key=None))


def add_waiting(connection: Connection, new: NewRun, at: datetime, wake_at: datetime) -> None:
    """Make a run that starts later; an existing twin is put off until then, if it has not started."""
    (run_id,) = add(connection, [new], at)
    connection.execute(
        update(runs)
        .where(runs.c.id == run_id, runs.c.status.in_(["ready", "waiting"]))
        .values(status="waiting", wake_at=wake_at)
    )


def claim(
    connection: Connection, limit: int, now: datetime, scope: Scope = ANY, worker: str | None = None
) -> list[RunRow]:
    """Take up to ``limit`` runs that are ready or due, oldest first; of one business key one at a time."""
    due: list[tuple[str, str]] = []
    for queries in scope.due:
        bounds = {"now": now, "most": limit - len(due)}
        due += sorted((row.id, row.business_key) for query in queries for row in query.rows(connection, bounds))
        if len(due) >= limit:
            break
    return _begin(connection, _still_free(connection, dict(due[:limit]), now), worker) if due else []


def is_due(connection: Connection, now: datetime, scope: Scope = ANY) -> bool:
    """Whether a run is ready or due, though it may be that another process is just taking it."""
    return any(query.rows(connection, {"now": now, "most": 1}) for queries in scope.due for query in queries)


def take(
    connection: Connection, run_id: str, now: datetime, worker: str | None = None, scope: Scope = ANY
) -> RunRow | None:
    """Take that one run: it is ready, due, or its worker is gone. Whoever had it is fenced from here on.

    None when it is finished, executes elsewhere, waits for something else, is not within the scope (without ``only``),
    or must let another run of its business key go first.
    """
    found = find(connection, run_id)
    if found is None:
        return None
    keys.wait_for(connection, found.business_key)
    due = or_(_due(now), and_(runs.c.status == "running", workers.is_gone(connection, runs.c.worker)))
    (within,) = scope.parts
    rows = connection.execute(select(runs).where(runs.c.id == run_id, due, within).with_for_update())
    return next(iter(_begin(connection, [_run_row(row) for row in rows], worker)), None)


def _in_hand(run_id: Any, epoch: Any) -> tuple[ColumnElement[bool], ...]:
    return runs.c.id == run_id, runs.c.epoch == epoch, runs.c.status == "running"


def hand_over(connection: Connection, run_id: str, epoch: int, queue: str | None = None) -> bool:
    """Let another worker go on with a running run, one of that queue; False when another has it already."""
    values = {"status": "ready"} if queue is None else {"status": "ready", "queue": queue}
    done = connection.execute(update(runs).where(*_in_hand(run_id, epoch)).values(**values))
    return done.rowcount == 1


def fence(connection: Connection, run_id: str) -> RunRow | None:
    """Put a run that does not execute in a new epoch: whoever knew it before writes nothing more to its journal.

    None when it executes, is finished, or is not there.
    """
    at_rest = (runs.c.id == run_id, runs.c.status.in_(["ready", "waiting"]))
    done = connection.execute(update(runs).where(*at_rest).values(epoch=runs.c.epoch + 1))
    return find(connection, run_id) if done.rowcount == 1 else None


_hold = Statement(
    select(runs.c.id)
    .where(runs.c.id == bindparam("run"), runs.c.epoch == bindparam("run_epoch"))
    .with_for_update(read=True)
)


def is_held(connection: Connection, run_id: str, epoch: int) -> bool:
    """Whether the run still is in this epoch; nobody takes it over before the transaction has ended."""
    return bool(_hold.rows(connection, {"run": run_id, "run_epoch": epoch}))


def holder_of_version(connection: Connection, dedupe_key: str) -> str | None:
    """The id of the run that has this final dedupe key."""
    return _ids_by_dedupe_key(connection, [dedupe_key]).get(dedupe_key)


def _has_holder() -> ColumnElement[bool]:
    """Whether another run has, or had, the dedupe key."""
    other = runs.alias("other")
    return or_(
        exists().where(other.c.dedupe_key == bindparam("key"), other.c.id != bindparam("run")),
        exists().where(pruned_keys.c.dedupe_key == bindparam("key")),
    )


_give_key = Statement(
    update(runs).where(runs.c.id == bindparam("run"), ~_has_holder()).values(dedupe_key=bindparam("key"))
)


def claim_version(connection: Connection, run_id: str, dedupe_key: str) -> str | None:
    """Give the run its final dedupe key; the id of the run that has it already, else None."""
    is_given = _give_key.changed(connection, {"run": run_id, "key": dedupe_key}) == 1
    return None if is_given else holder_of_version(connection, dedupe_key)


_suspend = Statement(
    update(runs)
    .where(*_in_hand(bindparam("run"), bindparam("run_epoch")))
    .values(
        status="waiting",
        wake_at=bindparam("new_wake_at", type_=runs.c.wake_at.type),
        ticket_id=bindparam("new_ticket_id", type_=runs.c.ticket_id.type),
    )
)


def wait(
    connection: Connection, run_id: str, epoch: int, *, wake_at: datetime | None = None, ticket_id: int | None = None
) -> bool:
    """Suspend a running run until an instant, a ticket, or a person's word; False when another worker has it."""
    values = {"run": run_id, "run_epoch": epoch, "new_wake_at": wake_at, "new_ticket_id": ticket_id}
    return _suspend.changed(connection, values) == 1


_end = (
    update(runs)
    .where(*_in_hand(bindparam("run"), bindparam("run_epoch")))
    .values(
        status="finished",
        outcome=bindparam("new_outcome", type_=runs.c.outcome.type),
        result=bindparam("new_result", type_=runs.c.result.type),
        finished_at=bindparam("new_finished_at", type_=runs.c.finished_at.type),
    )
)
_finish, _finish_without_key = Statement(_end), Statement(_end.values(dedupe_key=None))


def finishing(run_id: str, epoch: int, *, outcome: str, result: Any, at: datetime, keep_dedupe_key: bool) -> Change:
    """End a run; False when another worker has it. Without its dedupe key, the same version may be worked on again."""
    return Change(
        _finish if keep_dedupe_key else _finish_without_key,
        {
            "run": run_id,
            "run_epoch": epoch,
            "new_outcome": outcome,
            "new_result": _text(result),
            "new_finished_at": at,
        },
    )


_these = runs.c.id.in_(bindparam("run_ids", expanding=True))
_go_on = update(runs).where(_these, runs.c.status == "waiting").values(status="ready", wake_at=None, ticket_id=None)


def make_ready(connection: Connection, run_ids: Sequence[str]) -> None:
    """Let waiting runs go on."""
    for part in _parts(run_ids):
        connection.execute(_go_on, {"run_ids": part})


def recover(connection: Connection, judge: str | None = None) -> int:
    """Make every run ready whose worker is gone, and fence that worker, should it come back; how many runs.

    Nothing is done when ``judge``, the worker that asks, looks dead itself, as everybody does after an outage.
    """
    if judge is not None and not workers.is_alive(connection, judge):
        return 0
    left = and_(runs.c.status == "running", workers.is_gone(connection, runs.c.worker))
    done = connection.execute(update(runs).where(left).values(status="ready", epoch=runs.c.epoch + 1))
    return int(done.rowcount)


def next_wake_at(connection: Connection, scope: Scope = ANY) -> datetime | None:
    """When the first waiting run that may be taken then is due, if any is waiting for a time."""
    found = (query.rows(connection, {}) for query in scope.wakes)
    return instant(min((wake_at for ((wake_at,),) in found if wake_at is not None), default=None))


def left_over(connection: Connection, bot: str) -> list[RunRow]:
    """The runs of a bot that are ready or wait for a time, the oldest first."""
    goes_on = or_(runs.c.status == "ready", and_(runs.c.status == "waiting", runs.c.wake_at.is_not(None)))
    query = select(runs).where(runs.c.bot == bot, goes_on).order_by(runs.c.id)
    return [_run_row(row) for row in connection.execute(query)]


def find(connection: Connection, run_id: str) -> RunRow | None:
    """The run of that id."""
    row = connection.execute(select(runs).where(runs.c.id == run_id)).first()
    return None if row is None else _run_row(row)


def about_the_same(connection: Connection, run_id: str) -> list[RunRow]:
    """The run of that id and all others with its business key, oldest first."""
    key = select(runs.c.business_key).where(runs.c.id == run_id).scalar_subquery()
    query = select(runs).where(runs.c.business_key == key).order_by(runs.c.id)
    return [_run_row(row) for row in connection.execute(query)]


def list_newest(
    connection: Connection, limit: int, *, status: RunStatus | None = None, bot: str | None = None
) -> list[RunRow]:
    """The newest runs first."""
    query = select(runs).order_by(runs.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(runs.c.status == status)
    if bot is not None:
        query = query.where(runs.c.bot == bot)
    return [_run_row(row) for row in connection.execute(query)]


def of_ids(connection: Connection, run_ids: Sequence[str]) -> list[RunRow]:
    """The runs of these ids, in the order of the ids."""
    found: dict[str, RunRow] = {}
    for part in _parts(run_ids):
        for row in connection.execute(select(runs).where(runs.c.id.in_(part))):
            found[row.id] = _run_row(row)
    return [found[run_id] for run_id in run_ids if run_id in found]


def count_unfinished(connection: Connection) -> dict[str, int]:
    """How many runs are ready, running and waiting."""
    query = (
        select(runs.c.status, func.count())
        .where(runs.c.status.in_(["ready", "running", "waiting"]))
        .group_by(runs.c.status)
    )
    return dict(connection.execute(query).all())


def count_ready_by_queue(connection: Connection) -> dict[str, int]:
    """How many runs are ready in each queue."""
    query = select(runs.c.queue, func.count()).where(runs.c.status == "ready").group_by(runs.c.queue)
    return dict(connection.execute(query).all())


def _one_of(column: ColumnElement[str], values: Sequence[str]) -> ColumnElement[bool]:
    """As IN says it, which is written out anew at every execution: that took half the time of a search for work."""
    return or_(false(), *(column == value for value in values))


def _due(now: datetime) -> ColumnElement[bool]:
    return or_(runs.c.status == "ready", and_(runs.c.status == "waiting", runs.c.wake_at <= now))


def _still_free(connection: Connection, due: Mapping[str, str], now: datetime) -> list[RunRow]:
    """Those of the runs that no other process takes at this moment, nor another run of their business keys, which are
    given by the runs' ids.
    """
    if not keys.are_shared(connection):
        return of_ids(connection, list(due))
    ours = keys.reserve(connection, list(due.values()))
    ids = [run_id for run_id, key in due.items() if key in ours]
    query = select(runs).where(runs.c.id.in_(ids), _due(now), ~_BUSY).order_by(runs.c.id)
    return [_run_row(row) for row in connection.execute(query.with_for_update(skip_locked=True))]


_take = (
    update(runs)
    .where(_these)
    .values(
        epoch=runs.c.epoch + 1,
        status="running",
        wake_at=None,
        ticket_id=None,
        worker=bindparam("new_worker", type_=runs.c.worker.type),
    )
)


def _begin(connection: Connection, found: Sequence[RunRow], worker: str | None) -> list[RunRow]:
    if not found:
        return []
    connection.execute(_take, {"run_ids": [run.id for run in found], "new_worker": worker})
    return [
        replace(run, epoch=run.epoch + 1, status="running", wake_at=None, ticket_id=None, worker=worker)
        for run in found
    ]


def _insert(connection: Connection, new: Sequence[NewRun], at: datetime) -> dict[str, str]:
    """Make these runs, leaving alone what another process has made meanwhile; the ids by dedupe key."""
    query = insert_into(connection, runs).on_conflict_do_nothing(index_elements=["dedupe_key"])
    done = connection.execute(query, [_new_row(run, at) for run in new])
    if done.rowcount == len(new):
        return {run.dedupe_key: run.id for run in new}
    return _ids_by_dedupe_key(connection, [run.dedupe_key for run in new])


_asked_keys: BindParameter[Any] = bindparam("dedupe_keys", expanding=True)
_holders = union_all(
    *(
        select(key, run_id).where(key.in_(_asked_keys))
        for key, run_id in ((runs.c.dedupe_key, runs.c.id), (pruned_keys.c.dedupe_key, pruned_keys.c.run_id))
    )
)


def _ids_by_dedupe_key(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    """Of the runs that are there, and of those that were and have been pruned."""
    known: dict[str, str] = {}
    for part in _parts(keys):
        known.update(connection.execute(_holders, {"dedupe_keys": part}).all())
    return known


def _take_mode(connection: Connection, new: Sequence[NewRun]) -> None:
    for mode in {run.mode for run in new}:
        for part in _parts([run.dedupe_key for run in new if run.mode == mode]):
            connection.execute(
                update(runs)
                .where(runs.c.dedupe_key.in_(part), runs.c.status == "ready", runs.c.mode != mode)
                .values(mode=mode)
            )


def _parts(values: Sequence[str], size: int = 500) -> list[Sequence[str]]:
    return [values[start : start + size] for start in range(0, len(values), size)]


def _new_row(run: NewRun, at: datetime) -> dict[str, Any]:
    return {
        "id": run.id,
        "bot": run.bot,
        "business_key": run.business_key,
        "dedupe_key": run.dedupe_key,
        "mode": run.mode,
        "status": "ready",
        "queue": run.queue,
        "input": _text(run.input),
        "epoch": 0,
        "created_at": at,
    }


def _run_row(row: Row[Any]) -> RunRow:
    values = {name: getattr(row, name) for name in RunRow.__dataclass_fields__}
    values["input"] = json.loads(row.input)
    values["result"] = None if row.result is None else json.loads(row.result)
    return RunRow(**values)


def _text(data: Any) -> str:
    return to_json(data).decode()
