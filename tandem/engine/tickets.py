"""Opening tickets from a run: what happened, where, with which evidence."""

from tandem import log
from tandem.domain.clock import Clock
from tandem.engine.journal import Journal
from tandem.engine.steps import StepState
from tandem.errors import TandemError
from tandem.store import tickets
from tandem.store.database import Database
from tandem.store.tickets import Fault, TicketKind


class Ticketing:
    """Opens tickets for one run and notes them in its journal."""

    def __init__(self, database: Database, clock: Clock, journal: Journal) -> None:
        self._database, self._clock, self._journal = database, clock, journal

    async def open(
        self,
        kind: TicketKind,
        error: TandemError,
        *,
        step: StepState,
        system: str,
        operation: str,
        channel: str | None,
        reference: str | None,
        fold: bool,
        blocking: bool,
    ) -> int:
        """Open a ticket, or count it on the one that is open for the same fault; its number."""
        fault = Fault(
            kind=kind,
            system=system,
            operation=operation,
            channel=channel,
            reference=reference,
            error=error.recorded(),
            evidence=tuple({*step.evidence, *error.evidence}),
            fold=fold,
        )
        await self._journal.flush()
        ticket_id, is_new = await self._database.write(
            lambda connection: tickets.open_or_fold(
                connection, fault, run_id=self._journal.run_id, step=step.name, blocking=blocking, at=self._clock.now()
            )
        )
        await self._journal.append(step.name, "ticketed", {"ticket": ticket_id, "blocking": blocking})
        log.event(
            "ticket.opened" if is_new else "ticket.counted",
            level="WARNING",
            ticket=ticket_id,
            kind=kind,
            system=system,
            operation=operation,
            reference=reference,
            run=self._journal.run_id,
        )
        return ticket_id
