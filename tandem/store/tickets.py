"""Tickets: exceptions a person must settle. The same fault folds into one ticket with a count."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, select, text, update

from tandem.domain.evidence import Evidence, EvidenceKind
from tandem.errors import CircuitOpen, LoginRefused, Unavailable, Unreachable
from tandem.store.schema import ticket_evidence, ticket_runs, tickets
from tandem.store.upsert import insert_into

TicketKind = Literal[
    "access_refused",
    "written_differently",
    "written_twice",
    "outcome_unknown",
    "channels_exhausted",
    "not_compensated",
    "business_exception",
    "bot_failed",
    "schedule_failed",
    "question",
]
TicketStatus = Literal["open", "resolved"]


_OF_THE_SYSTEM = (LoginRefused.code, Unreachable.code, Unavailable.code)
"""Errors that hit every operation of the system alike."""


@dataclass(frozen=True)
class Fault:
    """What went wrong, to be settled by a person. ``error`` is a recorded TandemError.

    ``fold``: faults of the same system, channel and error fold into one ticket, whatever order they hit, and whatever
    operation where the error is about the system as a whole; otherwise the reference is part of the fault's identity.
    A schedule that fails is one fault, whatever it meets until it fires again; its name is the reference.
    """

    kind: TicketKind
    system: str
    operation: str
    channel: str | None
    reference: str | None
    error: dict[str, Any]
    evidence: tuple[Evidence, ...] = ()
    fold: bool = False

    @property
    def fingerprint(self) -> str:
        """The same for the same fault."""
        if self.kind == "schedule_failed":
            return _hashed(f"{self.kind}|{self.reference}")
        code = Unreachable.code if self.error.get("code") == CircuitOpen.code else self.error.get("code")
        operation = "" if self.fold and code in _OF_THE_SYSTEM else self.operation
        who = "" if self.fold else f"{self.reference}|{self.error.get('fields')}"
        return _hashed(f"{self.kind}|{self.system}|{operation}|{self.channel}|{code}|{who}")


@dataclass(frozen=True)
class TicketRun:
    """A run the ticket stops (``blocking``) or merely concerns, at which step, for which external reference."""

    run_id: str
    step: str
    blocking: bool
    reference: str | None


@dataclass(frozen=True)
class Ticket:
    """A ticket with everything a person needs. ``count``: how often the fault was met.

    ``operation``: all it was met at, separated by commas.
    """

    id: int
    status: TicketStatus
    kind: TicketKind
    system: str
    operation: str
    channel: str | None
    reference: str | None
    error: dict[str, Any]
    count: int
    opened_at: datetime
    last_at: datetime
    resolved_at: datetime | None
    resolution: str | None
    runs: tuple[TicketRun, ...] = ()
    evidence: tuple[Evidence, ...] = ()


def open_or_fold(connection: Connection, fault: Fault, run: TicketRun | None, at: datetime) -> tuple[int, bool]:
    """The ticket's id, and whether it is new. ``run``: the run that met the fault, if one did."""
    found = _fold(connection, fault, at)
    while found is None:
        ticket_id = _open(connection, fault, at)
        found = _fold(connection, fault, at) if ticket_id is None else (ticket_id, True)
    ticket_id, is_new = found
    if run is not None:
        _link(connection, ticket_id, run)
    _keep(connection, ticket_id, fault.evidence)
    return ticket_id, is_new


def of_schedule(connection: Connection, schedule: str) -> int | None:
    """The ticket that is open because the schedule fails."""
    failed = Fault("schedule_failed", "", "", None, schedule, {}).fingerprint
    query = select(tickets.c.id).where(tickets.c.fingerprint == failed, tickets.c.status == "open")
    ticket_id: int | None = connection.execute(query).scalar()
    return ticket_id


def resolve(connection: Connection, ticket_id: int, resolution: str, at: datetime) -> bool:
    """Close the ticket with what was done; False when it is closed already."""
    closed = connection.execute(
        update(tickets)
        .where(tickets.c.id == ticket_id, tickets.c.status == "open")
        .values(status="resolved", resolved_at=at, resolution=resolution)
    )
    return closed.rowcount == 1


def unlink(connection: Connection, ticket_id: int, run_id: str, step: str) -> None:
    """Take a run's step off the ticket: it is settled, the others are not."""
    of_step = (ticket_runs.c.ticket_id == ticket_id, ticket_runs.c.run_id == run_id, ticket_runs.c.step == step)
    connection.execute(delete(ticket_runs).where(*of_step))


def stopped_by(connection: Connection, ticket_id: int) -> set[str]:
    """The ids of the runs that wait for the ticket."""
    query = select(ticket_runs.c.run_id).where(ticket_runs.c.ticket_id == ticket_id, ticket_runs.c.blocking == 1)
    return set(connection.execute(query).scalars())


def find(connection: Connection, ticket_id: int) -> Ticket | None:
    """The ticket with its runs and evidence."""
    rows = connection.execute(select(tickets).where(tickets.c.id == ticket_id)).all()
    return next(iter(_whole(connection, rows)), None)


def list_newest(connection: Connection, limit: int, *, status: TicketStatus | None = "open") -> list[Ticket]:
    """The newest tickets first, each whole."""
    query = select(tickets).order_by(tickets.c.id.desc()).limit(limit)
    if status is not None:
        query = query.where(tickets.c.status == status)
    return _whole(connection, connection.execute(query).all())


def _whole(connection: Connection, rows: Sequence[Row[Any]]) -> list[Ticket]:
    """The tickets of these rows, their runs and evidence fetched for all at once."""
    ids = [row.id for row in rows]
    linked: defaultdict[int, list[TicketRun]] = defaultdict(list)
    for link in connection.execute(select(ticket_runs).where(ticket_runs.c.ticket_id.in_(ids))):
        linked[link.ticket_id].append(TicketRun(link.run_id, link.step, bool(link.blocking), link.reference))
    kept: defaultdict[int, list[Evidence]] = defaultdict(list)
    for file in connection.execute(select(ticket_evidence).where(ticket_evidence.c.ticket_id.in_(ids))):
        kept[file.ticket_id].append(Evidence(_kind(file.kind), file.path))
    return [_ticket(row, runs=tuple(linked[row.id]), evidence=tuple(kept[row.id])) for row in rows]


def _fold(connection: Connection, fault: Fault, at: datetime) -> tuple[int, bool] | None:
    """Count the fault on the ticket that is open for it; None when there is none."""
    query = select(tickets.c.id, tickets.c.operation).where(
        tickets.c.fingerprint == fault.fingerprint, tickets.c.status == "open"
    )
    known = connection.execute(query.with_for_update()).first()
    if known is None:
        return None
    operations = ", ".join(sorted({*known.operation.split(", "), fault.operation}))
    connection.execute(
        update(tickets)
        .where(tickets.c.id == known.id)
        .values(count=tickets.c.count + 1, last_at=at, operation=operations)
    )
    return known.id, False


def _open(connection: Connection, fault: Fault, at: datetime) -> int | None:
    """A new ticket; None when another process has opened one for the fault at this moment."""
    new = insert_into(connection, tickets).values(
        fingerprint=fault.fingerprint,
        status="open",
        kind=fault.kind,
        system=fault.system,
        operation=fault.operation,
        channel=fault.channel,
        reference=None if fault.fold else fault.reference,
        error=json.dumps(fault.error, ensure_ascii=False),
        count=1,
        opened_at=at,
        last_at=at,
    )
    unless_open = new.on_conflict_do_nothing(index_elements=["fingerprint"], index_where=text("status = 'open'"))
    ticket_id: int | None = connection.execute(unless_open.returning(tickets.c.id)).scalar()
    return ticket_id


def _link(connection: Connection, ticket_id: int, link: TicketRun) -> None:
    new = insert_into(connection, ticket_runs).values(
        ticket_id=ticket_id,
        run_id=link.run_id,
        step=link.step,
        blocking=int(link.blocking),
        reference=link.reference,
    )
    connection.execute(new.on_conflict_do_nothing())


def _keep(connection: Connection, ticket_id: int, evidence: Sequence[Evidence]) -> None:
    for file in evidence:
        new = insert_into(connection, ticket_evidence).values(ticket_id=ticket_id, path=file.path, kind=file.kind)
        connection.execute(new.on_conflict_do_nothing())


def _hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _kind(text: str) -> EvidenceKind:
    return text  # type: ignore[return-value]


def _ticket(row: Row[Any], **more: Any) -> Ticket:
    names = [name for name in Ticket.__dataclass_fields__ if name not in ("runs", "evidence", "error")]
    return Ticket(**{name: getattr(row, name) for name in names}, error=json.loads(row.error), **more)
