"""Retention: which finished runs of long ago may go, and what stays of them."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, func, insert, select

from tandem.store.schema import journal, pruned_keys, runs, ticket_evidence, ticket_runs, tickets

_UNFINISHED = ("ready", "running", "waiting")


@dataclass(frozen=True)
class Old:
    """Finished ``before`` an instant. ``looked_at``: ids of runs that something unfinished will look at again.

    A run stays while another of its business key is not finished, or is ``looked_at`` itself or has one such beside
    it: whoever judges what stands in a vendor's books must know which document is whose. It stays, too, while a ticket
    that names it is open.
    """

    before: datetime
    looked_at: Collection[str] = ()

    def condition(self) -> ColumnElement[bool]:
        """Whether a run may go."""
        other = runs.alias("other")
        same_key = other.c.business_key == runs.c.business_key
        is_open = exists().where(
            ticket_runs.c.run_id == runs.c.id, tickets.c.id == ticket_runs.c.ticket_id, tickets.c.status == "open"
        )
        return and_(
            runs.c.status == "finished",
            runs.c.finished_at < self.before,
            ~exists().where(same_key, other.c.status.in_(_UNFINISHED)),
            ~exists().where(same_key, other.c.id.in_(self.looked_at)),
            ~is_open,
        )


def list_unfinished(connection: Connection, bot: str) -> list[Any]:
    """The inputs of a bot's unfinished runs, as JSON text."""
    query = select(runs.c.input).where(runs.c.status.in_(_UNFINISHED), runs.c.bot == bot)
    return list(connection.execute(query).scalars())


def list_oldest(connection: Connection, old: Old, limit: int, after: str = "") -> list[str]:
    """Runs that may go, oldest first, those behind ``after``."""
    query = select(runs.c.id).where(old.condition(), runs.c.id > after).order_by(runs.c.id).limit(limit)
    return list(connection.execute(query).scalars())


def still_old(connection: Connection, old: Old, run_ids: Sequence[str]) -> list[str]:
    """Those of the runs that may go."""
    return list(connection.execute(select(runs.c.id).where(old.condition(), runs.c.id.in_(run_ids))).scalars())


def count(connection: Connection, old: Old) -> int:
    """How many runs may go."""
    return connection.execute(select(func.count()).select_from(runs).where(old.condition())).scalar_one()


def prune(connection: Connection, old: Old, run_ids: Sequence[str]) -> int:
    """Delete those of the runs that still may go, with their journals; how many. Their dedupe keys stay."""
    query = select(runs.c.id, runs.c.dedupe_key).where(old.condition(), runs.c.id.in_(run_ids))
    found = connection.execute(query.with_for_update()).all()
    gone = [row.id for row in found]
    keys = [{"dedupe_key": row.dedupe_key, "run_id": row.id} for row in found if row.dedupe_key is not None]
    if keys:
        connection.execute(insert(pruned_keys), keys)
    connection.execute(delete(journal).where(journal.c.run_id.in_(gone)))
    connection.execute(delete(runs).where(runs.c.id.in_(gone)))
    return len(gone)


def evidence_of_tickets(connection: Connection) -> set[str]:
    """The files that tickets show."""
    return set(connection.execute(select(ticket_evidence.c.path)).scalars())


def old_entries(connection: Connection, before: datetime, *, besides: Old | None = None) -> Iterator[str]:
    """Bodies, as JSON text, of ended attempts of all runs begun before an instant; ``besides`` those that may go."""
    query = select(journal.c.body).join(runs, runs.c.id == journal.c.run_id)
    query = query.where(runs.c.created_at < before, journal.c.kind == "ended")
    if besides is not None:
        query = query.where(~besides.condition())
    yield from connection.execute(query).scalars()


def give_back(connection: Connection, pages: int) -> bool:
    """Shrink an SQLite file by up to so many free pages; whether there may be more. A server does this by itself."""
    if connection.dialect.name != "sqlite":
        return False
    free = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    cursor = connection.connection.cursor()
    cursor.execute(f"PRAGMA incremental_vacuum({pages:d})")
    cursor.fetchall()  # one page at a row, though a row without columns
    left = connection.exec_driver_sql("PRAGMA freelist_count").scalar_one()
    return 0 < int(left) < int(free)
