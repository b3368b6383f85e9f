"""Keeping schedules: noticing what is due and firing it, beside any number of others who keep the same ones.

Which instants are due follows from the rule and from what the store holds, never from a worker's clock; the clock only
decides when they are noticed. A worker whose clock is fast fires early by as much, one whose clock is slow finds the
firing noted already, and no instant is fired twice.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from sqlalchemy import Connection

from tandem import log
from tandem.domain.clock import new_id
from tandem.engine.bot import Work, work_of
from tandem.engine.engine import Engine, Starting
from tandem.errors import UsageError
from tandem.store import firings, tickets
from tandem.store.firings import Cause, Firing, FiringOutcome
from tandem.triggers.outage import Outage
from tandem.triggers.schedule import Schedule

T = TypeVar("T")
_LONGEST_SLEEP_S = 30.0
_QUEUED_LOOK_S = 2.0
_HOLD = timedelta(seconds=30)


class Scheduler:
    """One schedule kept by one worker."""

    def __init__(self, engine: Engine, schedule: Schedule) -> None:
        self._engine, self._schedule, self._name = engine, schedule, schedule.name
        self._holder = new_id()
        self._closed: int | None = None

    async def keep(self) -> None:
        """Fire whenever it is due, until cancelled. What a cancellation interrupts is done whole or not at all."""
        outage = Outage(self._engine, self._schedule)
        while True:
            try:
                pause_s = await self.look()
                outage.end()
            except Exception as error:  # noqa: BLE001 - a bot's own mistake in polling must not end the schedule
                pause_s = await outage.note(error)
            await self._engine.clock.sleep(pause_s)

    async def look(self) -> float:
        """Fire what is due now; how many seconds until the next look.

        Raises StoreError, and whatever the bot's poll raises: then the firing stays due.
        """
        now = self._engine.clock.now()
        after, waiting_at = await self._engine.database.write(lambda connection: self._standing(connection, now))
        if waiting_at is not None:
            await self._fire_queued(waiting_at)
        due = self._schedule.due(after, now)
        if due.missed is not None:
            await self._miss(due.missed)
        if due.fired:
            await self._fire(due.fired)
        return self._pause_s(max([after, *due.fired]))

    async def fire_now(self) -> list[str]:
        """Fire by hand, whatever the rule says; the ids of the runs. Raises UsageError while the last firing's run."""
        at = self._engine.clock.now()
        start = await self._starting(at)

        def fire(connection: Connection) -> tuple[int, list[str]]:
            firings.lock(connection, self._name)
            moving = firings.under_way(connection, self._name)
            return moving, [] if moving else self._start(connection, self._firing(at, "started", "person"), start)

        moving, run_ids = await self._begin(fire)
        if moving:
            raise UsageError(
                "Schedule {schedule} was not fired: {count} runs of its last firing are under way. Wait until they "
                "have ended.",
                schedule=self._name,
                count=moving,
            )
        return run_ids

    def _standing(self, connection: Connection, now: datetime) -> tuple[datetime, datetime | None]:
        """After which instant the next one is due, and which firing waits for an earlier one to end."""
        since = firings.begin(connection, self._name, self._schedule.when, now)
        newest = firings.newest_due_at(connection, self._name)
        return max(since, newest or since), firings.queued(connection, self._name)

    async def _fire(self, due: Sequence[datetime]) -> None:
        """Fire these instants together, or note that runs of the last firing are under way."""
        if not await self._mine():
            return
        starts = [(due_at, await self._starting(due_at)) for due_at in due]

        def fire(connection: Connection) -> list[str]:
            firings.lock(connection, self._name)
            if firings.under_way(connection, self._name):
                self._leave(connection, due)
                return []
            started = [self._start(connection, self._firing(at, "started"), start) for at, start in starts]
            return [run_id for run_ids in started for run_id in run_ids]

        self._say_started(due[-1], await self._begin(fire))

    async def _fire_queued(self, due_at: datetime) -> None:
        if await self._engine.database.read(lambda connection: firings.under_way(connection, self._name)):
            return
        if not await self._mine():
            return
        start = await self._starting(due_at)

        def fire(connection: Connection) -> list[str]:
            firings.lock(connection, self._name)
            now = self._engine.clock.now()
            if firings.under_way(connection, self._name) or not firings.take_queued(
                connection, self._name, due_at, now
            ):
                return []
            return self._started(connection, due_at, start)

        self._say_started(due_at, await self._begin(fire))

    async def _miss(self, due_at: datetime) -> None:
        missed = self._firing(due_at, "missed")
        if await self._engine.database.write(lambda connection: firings.add(connection, missed)):
            self._say("schedule.missed", level="WARNING", due_at=due_at.isoformat())

    async def _mine(self) -> bool:
        """Whether this worker may ask the vendor. Where nothing is asked, all may try: the first one fires."""
        if self._schedule.items is not None:
            return True
        now = self._engine.clock.now()
        return await self._engine.database.write(
            lambda connection: firings.hold(connection, self._name, self._schedule.when, self._holder, now, now + _HOLD)
        )

    async def _starting(self, due_at: datetime) -> Starting:
        if self._schedule.items is None:
            return await self._engine.polled(self._schedule.bot)
        version = f"{self._name} {due_at.isoformat()}"
        return self._engine.starting(self._schedule.bot, self._work(due_at), version=version)

    def _work(self, due_at: datetime) -> list[Work]:
        kind = self._engine.bot(self._schedule.bot).item
        return work_of([kind.model_validate(item) for item in self._schedule.items_on(due_at)])

    async def _begin(self, fire: Callable[[Connection], T]) -> T:
        """Carry a firing out; the ticket of failures before it is closed with it."""
        self._closed = None
        done = await self._engine.begin(fire)
        if self._closed is not None:
            self._say("ticket.closed", ticket=self._closed)
        return done

    def _start(self, connection: Connection, firing: Firing, start: Starting) -> list[str]:
        """Claim the firing and start its runs; nothing when somebody else has."""
        if not firings.add(connection, firing):
            return []
        return self._started(connection, firing.due_at, start)

    def _started(self, connection: Connection, due_at: datetime, start: Starting) -> list[str]:
        run_ids = start(connection)
        firings.conclude(connection, self._name, due_at, run_ids)
        self._closed = tickets.of_schedule(connection, self._name)
        if self._closed is not None:
            tickets.resolve(connection, self._closed, "fired", self._engine.clock.now())
        return run_ids

    def _leave(self, connection: Connection, due: Sequence[datetime]) -> None:
        """Note that runs of the last firing are under way: one firing may wait for their end, others are left out."""
        waits = self._schedule.overlap == "queue" and firings.queued(connection, self._name) is None
        for due_at in due:
            is_last = due_at == due[-1]
            firings.add(connection, self._firing(due_at, "queued" if waits and is_last else "skipped"))

    def _firing(self, due_at: datetime, outcome: FiringOutcome, cause: Cause = "schedule") -> Firing:
        return Firing(self._name, due_at, cause, outcome, self._engine.clock.now())

    def _pause_s(self, after: datetime) -> float:
        now = self._engine.clock.now()
        following = self._schedule.rule.after(after)
        left_s = _LONGEST_SLEEP_S if following is None else (following - now).total_seconds()
        if self._schedule.overlap == "queue":
            left_s = min(left_s, _QUEUED_LOOK_S)
        return min(max(left_s, 0.1), _LONGEST_SLEEP_S)

    def _say_started(self, due_at: datetime, run_ids: Sequence[str]) -> None:
        if run_ids:
            self._say("schedule.fired", due_at=due_at.isoformat(), runs=len(run_ids))

    def _say(self, name: str, *, level: str = "INFO", **fields: object) -> None:
        log.event(name, level=level, schedule=self._name, **fields)


async def keep_schedules(engine: Engine, schedules: Sequence[Schedule]) -> None:
    """Keep them all, each for itself, until cancelled."""
    async with asyncio.TaskGroup() as group:
        for schedule in schedules:
            group.create_task(Scheduler(engine, schedule).keep(), name=f"schedule {schedule.name}")
