"""Opening tickets from a run: what happened, where, with which evidence."""

from typing import Any

from sqlalchemy import Connection

from tandem import log
from tandem.domain.clock import Clock
from tandem.engine.journal import Journal
from tandem.engine.steps import StepState
from tandem.errors import TandemError
from tandem.store import tickets
from tandem.store.tickets import Fault, TicketKind, TicketRun


class Ticketing:
    """Opens tickets for one run and notes them in its journal, both or neither."""

    def __init__(self, clock: Clock, journal: Journal) -> None:
        self._clock, self._journal = clock, journal

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
            evidence=tuple(dict.fromkeys((*step.evidence, *error.evidence))),
            fold=fold,
        )
        at = self._clock.now()

        def opened(connection: Connection) -> dict[str, Any]:
            run = TicketRun(self._journal.run_id, step.name, blocking, reference)
            ticket_id, is_new = tickets.open_or_fold(connection, fault, run, at)
            told = {} if blocking else {"told": fault.error["fields"]}
            return {"ticket": ticket_id, "blocking": blocking, "new": is_new, **told}

        noted = await self._journal.append_made(step.name, "ticketed", opened)
        log.event(
            "ticket.opened" if noted["new"] else "ticket.counted",
            level="WARNING",
            ticket=noted["ticket"],
            kind=kind,
            system=system,
            operation=operation,
            reference=reference,
            run=self._journal.run_id,
        )
        return int(noted["ticket"])
