"""What a demonstration came to: the table, and the line that proves the books."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.cli.session import Session
from tandem.cli.words import word
from tandem.store.runs import RunRow
from tandem.store.tickets import Ticket
from tandem.text import tr

_REASONS = 6
_NUMBER = re.compile(r"[A-Za-z0-9_.,-]*[0-9][A-Za-z0-9_.,-]*")
"""A number, or a code with digits in it."""


@dataclass
class Figures:
    """What the demonstration came to."""

    outcomes: Counter[str]
    orders: int
    documents: int
    duplicates: int
    channels: dict[str, int]
    tickets: Sequence[Ticket]
    evidence: Path
    created_again: int
    calls: dict[str, int]
    seconds: float
    peak_mb: float | None
    rows: list[RunRow] = field(default_factory=list)

    @property
    def accounted(self) -> int:
        """Orders that ended as created, waiting or refused."""
        return sum(self.outcomes[outcome] for outcome in ("created", "waiting", "refused"))

    @property
    def proved(self) -> bool:
        """Whether every order is accounted for, and the ERP's books hold each created one exactly once."""
        return (
            self.accounted == self.orders
            and self.documents == self.outcomes["created"]
            and self.duplicates == 0
            and self.created_again == 0
        )

    def data(self) -> dict[str, Any]:
        """One JSON object."""
        return {
            "orders": self.orders,
            "created": self.outcomes["created"],
            "waiting": self.outcomes["waiting"],
            "refused": self.outcomes["refused"],
            "tickets": len(self.tickets),
            "erp_orders": self.documents,
            "duplicates": self.duplicates,
            "channels": self.channels,
            "seconds": round(self.seconds, 1),
            "created_again": self.created_again,
            "calls": self.calls,
            "peak_memory_mb": self.peak_mb and round(self.peak_mb),
        }

    def print(self, session: Session, place: Path) -> None:
        """The tables, and the line that proves the books."""
        made = self.outcomes["created"]
        rows: list[tuple[object, ...]] = [(tr("created"), made, "")]
        rows += [("  " + channel, count, "") for channel, count in self.channels.items()]
        rows.append((tr("waiting for stock (待补货)"), self.outcomes["waiting"], ""))
        rows.append((tr("refused"), self.outcomes["refused"], ""))
        rows += [("  ", count, reason) for count, reason in self._reasons()]
        rows.append((tr("tickets opened"), len(self.tickets), ""))
        session.table((tr("orders"), "", tr("reason, for example")), rows)
        for ticket in self.tickets:
            self._print_ticket(session, ticket)
        session.print(
            tr(
                "{seconds} s, {rate} orders/s, vendor calls: {calls}; peak memory {memory} MB. Workspace: {place}",
                seconds=f"{self.seconds:.1f}",
                rate=f"{self.orders / self.seconds:.1f}",
                calls=", ".join(f"{name} {count}" for name, count in self.calls.items()),
                memory="?" if self.peak_mb is None else f"{self.peak_mb:.0f}",
                place=place,
            )
        )
        session.print(
            tr(
                "Books: {accounted} of {orders} CRM orders accounted for; ERP orders {documents} (created {created}); "
                "duplicates {duplicates}; created again by a second pass over the same orders: {again}.",
                accounted=self.accounted,
                orders=self.orders,
                documents=self.documents,
                created=made,
                duplicates=self.duplicates,
                again=self.created_again,
            ),
            style="bold green" if self.proved else "bold red",
        )

    def _reasons(self) -> list[tuple[int, str]]:
        """Refusals that differ only in their numbers are counted together, under the first of them."""
        first: dict[str, str] = {}
        counted: Counter[str] = Counter()
        for row in self.rows:
            if row.outcome == "refused" and row.result:
                reason = str(row.result.get("reason", ""))
                kind = _NUMBER.sub("#", reason)[-60:]
                counted[first.setdefault(kind, reason)] += 1
        most = [(count, reason) for reason, count in counted.most_common(_REASONS)]
        others = counted.total() - sum(count for count, _ in most)
        return [*most, (others, tr("other reasons"))] if others else most

    def _print_ticket(self, session: Session, ticket: Ticket) -> None:
        session.print(
            tr(
                "ticket {number}: {kind}, {system} {operation} ({channel}), {count}×, {status}",
                number=ticket.id,
                kind=ticket.kind,
                system=ticket.system,
                operation=ticket.operation,
                channel=ticket.channel or "-",
                count=ticket.count,
                status=word(ticket.resolution or ticket.status),
            )
        )
        for item in ticket.evidence:
            if item.kind == "screenshot":
                session.print(f"    {self.evidence / item.path}")
