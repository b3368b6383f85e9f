"""Firings: which instants of a schedule have been fired, and the runs that came of them.

A firing is a row whose key is schedule and instant. Whoever adds it starts its runs in the same transaction; whoever
finds it there starts nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, func, insert, or_, select, tuple_, update

from tandem.store.once import insert_once
from tandem.store.schema import firing_runs, firings, runs, schedules

Cause = Literal["schedule", "person"]
FiringOutcome = Literal["started", "nothing", "queued", "skipped", "missed"]


@dataclass(frozen=True)
class Firing:
    """``outcome``: it started runs; there was nothing to start; it waits for the runs of an earlier one; it was left
    out because those were under way; nobody was there in time. ``noted_at``: by the clock of whoever noted it.
    """

    schedule: str
    due_at: datetime
    cause: Cause
    outcome: FiringOutcome
    noted_at: datetime


def begin(connection: Connection, schedule: str, rule: str, now: datetime) -> datetime:
    """Since when the schedule has this rule, as far as anybody knows; instants before that are not its own."""
    insert_once(connection, schedules, {"name": schedule, "rule": rule, "since": now})
    query = select(schedules.c.since).where(schedules.c.name == schedule, schedules.c.rule == rule)
    found: datetime = connection.execute(query).scalar_one()
    return found


def hold(connection: Connection, schedule: str, rule: str, holder: str, now: datetime, until: datetime) -> bool:
    """Become the one who prepares firings of the schedule until then; False while somebody else is.

    This spares the others the calls; that a firing starts once does not depend on it.
    """
    done = connection.execute(
        update(schedules)
        .where(
            schedules.c.name == schedule,
            schedules.c.rule == rule,
            or_(schedules.c.held_until.is_(None), schedules.c.held_until < now, schedules.c.held_by == holder),
        )
        .values(held_by=holder, held_until=until)
    )
    return done.rowcount == 1


def lock(connection: Connection, schedule: str) -> None:
    """Let no other transaction fire the schedule until this one ends."""
    query = select(schedules.c.rule).where(schedules.c.name == schedule).order_by(schedules.c.rule)
    connection.execute(query.with_for_update()).all()


def add(connection: Connection, firing: Firing) -> bool:
    """Note the firing; False when somebody has noted this instant already."""
    return insert_once(connection, firings, _values(firing))


def take_queued(connection: Connection, schedule: str, due_at: datetime, at: datetime) -> bool:
    """Take the firing that waits; False when somebody else has."""
    mine = _key(schedule, due_at)
    done = connection.execute(
        update(firings).where(mine, firings.c.outcome == "queued").values(outcome="started", noted_at=at)
    )
    return done.rowcount == 1


def conclude(connection: Connection, schedule: str, due_at: datetime, run_ids: Sequence[str]) -> None:
    """Note which runs came of a firing that was added or taken in this transaction; or that there were none."""
    rows = [{"schedule": schedule, "due_at": due_at, "run_id": run_id} for run_id in dict.fromkeys(run_ids)]
    if rows:
        connection.execute(insert(firing_runs), rows)
    else:
        connection.execute(update(firings).where(_key(schedule, due_at)).values(outcome="nothing"))


def newest_due_at(connection: Connection, schedule: str) -> datetime | None:
    """The newest instant of the schedule's own that has been noted."""
    query = select(func.max(firings.c.due_at)).where(firings.c.schedule == schedule, firings.c.cause == "schedule")
    return connection.execute(query).scalar()


def queued(connection: Connection, schedule: str) -> datetime | None:
    """The instant of the firing that waits, if one does."""
    query = select(firings.c.due_at).where(firings.c.schedule == schedule, firings.c.outcome == "queued")
    return connection.execute(query).scalar()


def under_way(connection: Connection, schedule: str) -> int:
    """How many runs of the last firing that started any have not ended. One that waits for a person is not counted."""
    last = (
        select(firings.c.due_at)
        .where(firings.c.schedule == schedule, firings.c.outcome == "started")
        .order_by(firings.c.noted_at.desc(), firings.c.due_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    moving = or_(runs.c.status.in_(["ready", "running"]), and_(runs.c.status == "waiting", runs.c.wake_at.is_not(None)))
    query = (
        select(func.count())
        .select_from(firing_runs.join(runs, runs.c.id == firing_runs.c.run_id))
        .where(firing_runs.c.schedule == schedule, firing_runs.c.due_at == last, moving)
    )
    return int(connection.execute(query).scalar_one())


def newest(connection: Connection, schedule: str) -> Firing | None:
    """The firing that was noted last."""
    query = select(firings).where(firings.c.schedule == schedule)
    row = connection.execute(query.order_by(firings.c.noted_at.desc(), firings.c.due_at.desc()).limit(1)).first()
    return None if row is None else _firing(row)


def outcomes(connection: Connection, firing: Firing) -> dict[str, int]:
    """What became of the firing's runs: how many by outcome, those that have not ended by their status."""
    became = func.coalesce(runs.c.outcome, runs.c.status)
    query = (
        select(became, func.count())
        .select_from(firing_runs.join(runs, runs.c.id == firing_runs.c.run_id))
        .where(firing_runs.c.schedule == firing.schedule, firing_runs.c.due_at == firing.due_at)
        .group_by(became)
        .order_by(became)
    )
    return dict(connection.execute(query).all())


def prune(connection: Connection, before: datetime) -> int:
    """Forget firings noted before then, but each schedule's newest, which says where it goes on; how many."""
    kept = select(firings.c.schedule, func.max(firings.c.due_at)).group_by(firings.c.schedule, firings.c.cause)
    key = tuple_(firings.c.schedule, firings.c.due_at)
    old = (firings.c.noted_at < before, firings.c.outcome != "queued", key.not_in(kept))
    done = connection.execute(delete(firings).where(*old))
    left = select(firings.c.schedule, firings.c.due_at)
    connection.execute(delete(firing_runs).where(tuple_(firing_runs.c.schedule, firing_runs.c.due_at).not_in(left)))
    return int(done.rowcount)


def _key(schedule: str, due_at: datetime) -> ColumnElement[bool]:
    return and_(firings.c.schedule == schedule, firings.c.due_at == due_at)


def _values(firing: Firing) -> dict[str, Any]:
    return {name: getattr(firing, name) for name in Firing.__dataclass_fields__}


def _firing(row: Row[Any]) -> Firing:
    return Firing(**{name: getattr(row, name) for name in Firing.__dataclass_fields__})
