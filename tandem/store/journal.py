"""The journal: what a run intended, attempted and learned; intents are on the disk before the first byte leaves."""

import json
from collections import Counter
from datetime import datetime
from typing import Any, NamedTuple

from pydantic_core import to_json
from sqlalchemy import Connection, bindparam, insert, or_, select

from tandem.store.change import Change
from tandem.store.schema import Instant, journal, runs
from tandem.store.statement import Statement


class Entry(NamedTuple):
    """One line of a run's journal. ``seq`` counts from 1; ``body`` is JSON-safe."""

    run_id: str
    seq: int
    step: str
    kind: str
    at: datetime
    body: dict[str, Any]


_columns = ("run_id", "seq", "step", "kind", "at", "body")
_append = Statement(
    insert(journal).from_select(
        _columns,
        select(
            runs.c.id,
            bindparam("new_seq", type_=journal.c.seq.type),
            bindparam("new_step", type_=journal.c.step.type),
            bindparam("new_kind", type_=journal.c.kind.type),
            bindparam("new_at", type_=Instant()),
            bindparam("new_body", type_=journal.c.body.type),
        )
        .where(runs.c.id == bindparam("run"), runs.c.epoch == bindparam("run_epoch"))
        .with_for_update(key_share=True, of=runs),
    )
)
"""The run's row is locked, so that a worker who takes it over at this moment sees this entry, or we see its epoch."""


def appending(entry: Entry, epoch: int) -> Change:
    """Add the entry if the run still is in this epoch; False when another worker has taken the run over."""
    return Change(
        _append,
        {
            "run": entry.run_id,
            "run_epoch": epoch,
            "new_seq": entry.seq,
            "new_step": entry.step,
            "new_kind": entry.kind,
            "new_at": entry.at,
            "new_body": to_json(entry.body).decode(),
        },
    )


def append(connection: Connection, entry: Entry, epoch: int) -> bool:
    """Add the entry at once: see ``appending``."""
    return appending(entry, epoch)(connection)


_load = (
    select(*(journal.c[name] for name in _columns)).where(journal.c.run_id == bindparam("run")).order_by(journal.c.seq)
)


def load(connection: Connection, run_id: str) -> list[Entry]:
    """A run's journal, in the order it was written."""
    found = connection.execute(_load, {"run": run_id})
    return [Entry(run, seq, step, kind, at, json.loads(body)) for run, seq, step, kind, at, body in found]


def last_failure(connection: Connection) -> dict[str, Any] | None:
    """The error of the attempt that failed last, of the runs that have not ended; recorded, as in the journal."""
    query = (
        select(journal.c.body)
        .join(runs, runs.c.id == journal.c.run_id)
        .where(runs.c.status.in_(["running", "waiting"]), journal.c.kind == "ended")
        .order_by(journal.c.at.desc())
        .limit(20)
    )
    errors = (json.loads(body).get("error") for body in connection.execute(query).scalars())
    return next((error for error in errors if error is not None), None)


def channels_of(connection: Connection, step: str) -> Counter[str]:
    """How often a step of that name, whatever its key, was completed and not undone, by the channel that carried it."""
    named = or_(journal.c.step == step, journal.c.step.startswith(f"{step}[", autoescape=True))
    query = (
        select(journal.c.run_id, journal.c.step, journal.c.kind, journal.c.body)
        .where(journal.c.kind.in_(["completed", "undone"]), named, ~journal.c.step.endswith("~undo"))
        .order_by(journal.c.run_id, journal.c.seq)
    )
    standing: dict[tuple[str, str], str] = {}
    for row in connection.execute(query):
        standing[row.run_id, row.step] = "" if row.kind == "undone" else str(json.loads(row.body).get("channel"))
    return Counter(channel for channel in standing.values() if channel)
