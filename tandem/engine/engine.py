"""The engine: starts runs, executes what is ready, and wakes what waits."""

import asyncio
import dataclasses
import hashlib
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import TypeVar

from sqlalchemy import Connection

from tandem import log
from tandem.domain.clock import Clock, NewId, SystemClock, new_id
from tandem.engine import late_look
from tandem.engine.attendant import Attendant, WritePreview
from tandem.engine.bot import Bot, Changes, Work, delivered
from tandem.engine.dispatcher import Dispatcher, EmbeddedDispatcher
from tandem.engine.execution import execute
from tandem.engine.preview import Forecast, forecast, preview_run
from tandem.engine.suspension import Elsewhere, Suspended
from tandem.engine.system import System
from tandem.errors import StoreError, TandemError, Unavailable, UsageError
from tandem.store import deliveries, runs, watermarks
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.store.runs import Mode, NewRun, RunRow, Scope

_CLAIMED_AT_ONCE = 32
_LOOK_AT_OTHERS_S = 0.3
UNREAD = "?"
"""The version of a document that nobody has looked at yet."""
OnFinished = Callable[[RunRow], None]
T = TypeVar("T")
Starting = Callable[[Connection], list[str]]
"""Makes runs within a transaction of the caller's; their ids."""


@dataclass
class Tally:
    """What one call of ``work`` did: finished runs by outcome, the ids of those it left, and when the next is due."""

    finished: Counter[str] = field(default_factory=Counter)
    left: Set[str] = frozenset()
    next_wake_at: datetime | None = None

    @property
    def waiting(self) -> int:
        """How many it left."""
        return len(self.left)


class Stopped(asyncio.CancelledError):
    """Work was cancelled: these runs were under way, and go on when work starts again."""

    def __init__(self, rows: Sequence[RunRow]) -> None:
        super().__init__()
        self.rows = rows


class Engine:
    """One process's engine over one store. Call ``recover`` once, before ``work``.

    ``worker``: as which worker of the store it takes runs; None: as the only process there is. A ``dispatcher`` is told
    of every run that is started here. ``unbound``: bots that have no systems here, each with what is wrong.
    """

    def __init__(
        self,
        database: Database,
        bots: Mapping[str, Bot],
        codec: Codec,
        *,
        systems: Mapping[str, System],
        clock: Clock | None = None,
        attendant: Attendant | None = None,
        worker: str | None = None,
        new_id: NewId = new_id,
        unbound: Mapping[str, UsageError] | None = None,
    ) -> None:
        self.database, self.codec, self.worker = database, codec, worker
        self.dispatcher: Dispatcher | None = None
        self.clock: Clock = clock or SystemClock()
        self.new_id = new_id
        self.systems, self.attendant = systems, attendant
        self._unbound = unbound or {}
        self.bots = {**bots, late_look.BOT: late_look.bot(database, codec, self.clock, systems)}

    async def recover(self) -> int:
        """Make ready what processes that died left running; how many runs."""
        return await self.database.write(lambda connection: runs.recover(connection, self.worker))

    async def start(self, bot: str, items: Sequence[Work], mode: Mode = "unattended") -> list[str]:
        """Make a run for each item, unless one that has not begun is there already; the ids in the order of items."""
        return await self.begin(self.starting(bot, items, mode))

    async def poll(self, bot: str, mode: Mode = "unattended") -> list[str]:
        """Start runs for everything that changed since the last poll. Raises UsageError for a bot that cannot poll."""
        return await self.begin(await self.polled(bot, mode))

    async def begin(self, work: Callable[[Connection], T]) -> T:
        """Carry out a transaction in which runs are started, by ``starting`` or ``polled`` and what goes with them."""
        done = await self.database.write(work)
        await self.announce()
        return done

    def starting(self, bot: str, items: Sequence[Work], mode: Mode = "unattended", version: str = UNREAD) -> Starting:
        """What ``start`` does, for a transaction that does more than that.

        ``version``: items of another version are other work, even when runs for these items have ended for good.
        """
        new = [self._new_run(bot, work, mode, version) for work in items]
        return lambda connection: self._add(connection, new)

    async def polled(self, bot: str, mode: Mode = "unattended") -> Starting:
        """Ask what changed; what starts the runs for it and moves the watermark, for a transaction that does more.

        A change that the bot stamps starts nothing when one with its stamp did before.
        """
        changes = await self._changes(bot)
        new = [(self._new_run(bot, work, mode), delivery) for work, delivery in delivered(changes)]

        def start_and_mark(connection: Connection) -> list[str]:
            now = self.clock.now()
            fresh = [
                run
                for run, delivery in new
                if delivery is None or deliveries.add(connection, f"poll {bot}", delivery, now)
            ]
            watermarks.save(connection, bot, "", changes.watermark)
            return self._add(connection, fresh)

        return start_and_mark

    async def changed(self, bot: str) -> list[Work]:
        """What a poll would start runs for; starts nothing and moves no watermark. Raises UsageError, NotSent."""
        found = delivered(await self._changes(bot))

        def fresh(connection: Connection) -> list[Work]:
            return [
                work
                for work, delivery in found
                if delivery is None or not deliveries.is_known(connection, f"poll {bot}", delivery)
            ]

        return await self.database.read(fresh)

    async def _changes(self, bot: str) -> Changes:
        found = self.bot(bot)
        poll = found.polling()
        since = await self.database.read(lambda connection: watermarks.load(connection, bot, ""))
        try:
            return await poll(preview_run(self, found, found.item.model_construct(), lambda _: None), since)
        except (Suspended, Elsewhere):
            raise Unavailable(
                "What changed for bot {bot} cannot be read now. Nothing was started; the next poll asks again from the "
                "same place.",
                bot=bot,
            ) from None

    async def preview(self, bot: str, work: Work, show: Callable[[WritePreview], None]) -> Forecast:
        """Dry run of one item: reads, shows the writes it would make, and says how it would end. Writes nothing."""
        return await forecast(self, self.bot(bot), work, show)

    async def work(
        self,
        *,
        concurrency: int = 16,
        patience_s: float = 120.0,
        only: Sequence[str] | None = None,
        on_finished: OnFinished | None = None,
    ) -> Tally:
        """Execute until nothing is ready and nothing becomes due within ``patience_s``.

        ``only``: these runs and no others. Cancelled, it ends what is under way and raises Stopped. Raises StoreError
        when the books cannot be kept: then nothing more is sent.
        """
        return await _Worker(self, concurrency, patience_s, only, on_finished).work()

    async def close(self) -> None:
        """Let go of every channel and of the store."""
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.database.close)
            if self.dispatcher is not None:
                stack.push_async_callback(self.dispatcher.close)
            for system in self.systems.values():
                for channel in system.channels.values():
                    stack.push_async_callback(channel.aclose)

    def bot(self, name: str) -> Bot:
        """The bot of that name. Raises UsageError with the names there are, or with why it cannot work here."""
        if name in self._unbound:
            raise self._unbound[name]
        if name not in self.bots:
            known = ", ".join(sorted(bot for bot in self.bots if bot != late_look.BOT))
            raise UsageError("There is no bot {bot}. Bots of this workspace: {known}.", bot=name, known=known)
        return self.bots[name]

    def scope(self, *, only: Sequence[str] | None = None, queues: Sequence[str] | None = None) -> Scope:
        """The runs that this engine can execute: of its bots, attended ones only where somebody attends."""
        scope = _scope_of(tuple(self.bots), self.attendant is not None)
        return scope if only is None and queues is None else dataclasses.replace(scope, only=only, queues=queues)

    async def announce(self) -> None:
        """Say that runs have become ready, and that this is on the disk."""
        if self.dispatcher is not None:
            await self.dispatcher.announce()

    def _add(self, connection: Connection, new: Sequence[NewRun]) -> list[str]:
        """Make the runs; one that has begun may have read what has changed since, so it is no twin any more."""
        runs.let_go(connection, [run.dedupe_key for run in new if run.dedupe_key.endswith(f"|{UNREAD}")])
        return runs.add(connection, new, self.clock.now())

    def _new_run(self, bot: str, work: Work, mode: Mode, version: str = UNREAD) -> NewRun:
        digest = hashlib.sha256(work.item.model_dump_json().encode()).hexdigest()[:16]
        key = f"{bot}|{work.business_key}|{digest}|{version}"
        item, queue = self.codec.dump(work.item), self.bots[bot].queue
        return NewRun(self.new_id(), bot, work.business_key, key, item, mode, queue)


@cache
def _scope_of(bots: tuple[str, ...], attended: bool) -> Scope:
    """Kept, because a scope keeps its queries."""
    return Scope(bots, attended)


class _Worker:
    """One call of ``Engine.work``."""

    def __init__(
        self,
        engine: Engine,
        concurrency: int,
        patience_s: float,
        only: Sequence[str] | None,
        on_finished: OnFinished | None,
    ) -> None:
        self._engine, self._concurrency, self._patience_s = engine, concurrency, patience_s
        scope = engine.scope(only=only)
        self._dispatcher = EmbeddedDispatcher(engine.database, engine.clock, scope, engine.worker)
        self._on_finished = on_finished
        self._left = set(only or ())
        self._at_once = max(concurrency, _CLAIMED_AT_ONCE)
        self._claimed: deque[RunRow] = deque()
        self._under_way: dict[asyncio.Task[None], RunRow] = {}
        self._waiting: set[str] = set()
        self._tally = Tally()

    async def work(self) -> Tally:
        try:
            while await self._fill() or await self._wait_for_due():
                pass
        except asyncio.CancelledError:
            raise Stopped([row for row in self._under_way.values() if row.bot != late_look.BOT]) from None
        finally:
            for task in self._under_way:
                task.cancel()
            await asyncio.gather(*self._under_way, return_exceptions=True)
        self._tally.left = self._waiting | self._left
        return self._tally

    async def _fill(self) -> bool:
        """Put runs under way until all places are taken; False when there is nothing to do now."""
        while len(self._under_way) < self._concurrency and await self._next_claimed():
            row = self._claimed.popleft()
            self._under_way[asyncio.create_task(self._execute(row))] = row
        if not self._under_way:
            return False
        await asyncio.wait(self._under_way, return_when=asyncio.FIRST_COMPLETED, timeout=1.0)
        done = [task for task in self._under_way if task.done()]
        for task in done:
            del self._under_way[task]
        failures = [error for task in done if (error := task.exception()) is not None]
        if failures:
            raise failures[0]
        return True

    async def _next_claimed(self) -> bool:
        if not self._claimed:
            self._claimed.extend(await self._dispatcher.next(self._at_once))
        return bool(self._claimed)

    async def _wait_for_due(self) -> bool:
        if self._engine.worker is not None and await self._wait_for_others():
            return True
        wake_at = await self._dispatcher.next_wake_at()
        self._tally.next_wake_at = wake_at
        if wake_at is None:
            return False
        left_s = (wake_at - self._engine.clock.now()).total_seconds()
        if left_s > self._patience_s:
            return False
        await self._engine.clock.sleep(left_s)
        return True

    async def _wait_for_others(self) -> bool:
        """Whether another worker of the store executes some of our runs, or is just taking some; then some time has
        passed."""
        rows = await self._engine.database.read(lambda connection: runs.of_ids(connection, sorted(self._left)))
        for row in rows:
            if row.status in ("finished", "waiting"):
                self._note(row)
        if not any(row.status == "running" for row in rows) and not await self._dispatcher.is_due():
            return False
        await self._engine.clock.sleep(_LOOK_AT_OTHERS_S)
        return True

    async def _execute(self, row: RunRow) -> None:
        try:
            ended = await execute(self._engine, row)
        except StoreError:
            raise
        except TandemError as error:
            log.event("run.broke_off", level="ERROR", run=row.id, why=str(error))
            raise
        if ended is not None:
            self._note(ended)

    def _note(self, row: RunRow) -> None:
        self._note_waiting(row)
        if row.status != "finished":
            return
        self._left.discard(row.id)
        assert row.outcome is not None
        if row.bot != late_look.BOT:
            self._tally.finished[row.outcome] += 1
            if self._on_finished is not None:
                self._on_finished(row)

    def _note_waiting(self, row: RunRow) -> None:
        if row.status == "waiting":
            self._waiting.add(row.id)
        else:
            self._waiting.discard(row.id)
