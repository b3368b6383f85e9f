"""A schedule that fails: how soon it is tried again, and when a person is told."""

from sqlalchemy import Connection

from tandem import log
from tandem.engine.engine import Engine
from tandem.errors import BotFailed, StoreError, TandemError
from tandem.store import tickets
from tandem.store.tickets import Fault
from tandem.triggers.schedule import Schedule

_PAUSES_S = (1.0, 5.0, 15.0, 30.0)
"""After failures in a row: a vendor that cannot be asked, a store that is down. With the last begins the ticket."""


class Outage:
    """The failures in a row of one schedule at one worker. Its ticket closes when the schedule fires again."""

    def __init__(self, engine: Engine, schedule: Schedule) -> None:
        self._engine, self._schedule = engine, schedule
        self._failures = 0

    def end(self) -> None:
        self._failures = 0

    async def note(self, error: Exception) -> float:
        """Note a failure; how many seconds until the next try."""
        pause_s = _PAUSES_S[min(self._failures, len(_PAUSES_S) - 1)]
        self._failures += 1
        why = str(error) if isinstance(error, TandemError) else type(error).__name__
        log.event("schedule.failed", level="ERROR", schedule=self._schedule.name, why=why, again_in_s=pause_s)
        if self._failures >= len(_PAUSES_S) and not isinstance(error, StoreError):
            await self._tell(error)
        return pause_s

    async def _tell(self, error: Exception) -> None:
        fault = self._fault(error if isinstance(error, TandemError) else self._bot_failed(error))
        at = self._engine.clock.now()

        def opened(connection: Connection) -> tuple[int, bool]:
            return tickets.open_or_fold(connection, fault, None, at)

        try:
            number, is_new = await self._engine.database.write(opened)
        except StoreError as lost:
            log.event("ticket.lost", level="ERROR", schedule=self._schedule.name, why=str(lost))
            return
        log.event(
            "ticket.opened" if is_new else "ticket.counted",
            level="WARNING",
            ticket=number,
            kind=fault.kind,
            schedule=self._schedule.name,
        )

    def _fault(self, error: TandemError) -> Fault:
        return Fault(
            kind="schedule_failed",
            system=error.fields.get("system", ""),
            operation=self._schedule.bot,
            channel=None,
            reference=self._schedule.name,
            error=error.recorded(),
            evidence=error.evidence,
        )

    def _bot_failed(self, error: Exception) -> BotFailed:
        return BotFailed(
            "Bot {bot} broke off with {kind} when it was asked what changed: a mistake in its code. Nothing was "
            "started. Correct the bot; schedule {schedule} then goes on by itself.",
            bot=self._schedule.bot,
            kind=type(error).__name__,
            schedule=self._schedule.name,
        )
