"""The engine: starts runs, executes what is ready, and wakes what waits."""

import asyncio
import dataclasses
import hashlib
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache

from sqlalchemy import Connection

from tandem import log
from tandem.domain.clock import Clock, NewId, SystemClock, new_id
from tandem.engine import late_look
from tandem.engine.attendant import Attendant, WritePreview
from tandem.engine.bot import Bot, Changes, Work, work_of
from tandem.engine.execution import execute
from tandem.engine.preview import preview_run
from tandem.engine.suspension import Repeated, Suspended
from tandem.engine.system import System
from tandem.errors import StoreError, TandemError, UsageError
from tandem.store import runs, watermarks
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.store.runs import Mode, NewRun, RunRow, Scope

_CLAIMED_AT_ONCE = 32
OnFinished = Callable[[RunRow], None]


@dataclass
class Tally:
    """What one call of ``work`` did: finished runs by outcome, how many wait at its end, and when the next is due."""

    finished: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    next_wake_at: datetime | None = None


class Stopped(asyncio.CancelledError):
    """Work was cancelled: these runs were under way, and go on when work starts again."""

    def __init__(self, rows: Sequence[RunRow]) -> None:
        super().__init__()
        self.rows = rows


class Engine:
    """One process's engine over one store. Call ``recover`` once, before ``work``, when it is the only one."""

    def __init__(
        self,
        database: Database,
        bots: Mapping[str, Bot],
        codec: Codec,
        *,
        systems: Mapping[str, System],
        clock: Clock | None = None,
        attendant: Attendant | None = None,
        new_id: NewId = new_id,
    ) -> None:
        self.database, self.codec = database, codec
        self.clock: Clock = clock or SystemClock()
        self.new_id = new_id
        self.systems, self.attendant = systems, attendant
        self.bots = {**bots, late_look.BOT: late_look.bot(database, codec, systems)}

    async def recover(self) -> int:
        """Make ready what a process that died left running; how many runs."""
        return await self.database.write(runs.recover)

    async def start(self, bot: str, items: Sequence[Work], mode: Mode = "unattended") -> list[str]:
        """Make a run for each item, unless one for the same item is there that has not begun; ids as the items."""
        new = [self._new_run(bot, work, mode) for work in items]
        return await self.database.write(lambda connection: runs.add(connection, new, self.clock.now()))

    async def poll(self, bot: str, mode: Mode = "unattended") -> list[str]:
        """Start runs for everything that changed since the last poll. Raises UsageError for a bot that cannot poll."""
        changes = await self.changes(bot)
        new = [self._new_run(bot, work, mode) for work in work_of(changes.items)]

        def start_and_mark(connection: Connection) -> list[str]:
            started = runs.add(connection, new, self.clock.now())
            watermarks.save(connection, bot, "", changes.watermark)
            return started

        return await self.database.write(start_and_mark)

    async def changes(self, bot: str) -> Changes:
        """What changed since the last poll; starts nothing and moves no watermark. Raises UsageError."""
        found = self.bot(bot)
        if found.poll is None:
            raise UsageError("Bot {bot} does not poll. Give it items or a batch file.", bot=bot)
        since = await self.database.read(lambda connection: watermarks.load(connection, bot, ""))
        return await found.poll(preview_run(self, found, found.item.model_construct(), lambda _: None), since)

    async def preview(self, bot: str, work: Work, show: Callable[[WritePreview], None]) -> str:
        """Dry run of one item: reads, shows the writes it would make, and says how it would end. Writes nothing."""
        found = self.bot(bot)
        try:
            result = await found.process(preview_run(self, found, work.item, show))
        except Repeated:
            return "repeated"
        except Suspended:
            return "waiting"
        return result.outcome

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
            for system in self.systems.values():
                for channel in system.channels.values():
                    stack.push_async_callback(channel.aclose)

    def bot(self, name: str) -> Bot:
        """The bot of that name. Raises UsageError with the names there are."""
        if name not in self.bots:
            known = ", ".join(sorted(bot for bot in self.bots if bot != late_look.BOT))
            raise UsageError("There is no bot {bot}. Bots of this workspace: {known}.", bot=name, known=known)
        return self.bots[name]

    def _new_run(self, bot: str, work: Work, mode: Mode) -> NewRun:
        digest = hashlib.sha256(work.item.model_dump_json().encode()).hexdigest()[:16]
        key = f"{bot}|{work.business_key}|{digest}|?"
        return NewRun(self.new_id(), bot, work.business_key, key, self.codec.dump(work.item), mode)


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
        scope = _scope_of(tuple(engine.bots), engine.attendant is not None)
        self._scope = scope if only is None else dataclasses.replace(scope, only=only)
        self._on_finished = on_finished
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
            now = self._engine.clock.now()
            self._claimed.extend(
                await self._engine.database.write(
                    lambda connection: runs.claim(connection, self._at_once, now, self._scope)
                )
            )
        return bool(self._claimed)

    async def _wait_for_due(self) -> bool:
        wake_at = await self._engine.database.read(lambda connection: runs.next_wake_at(connection, self._scope))
        self._tally.next_wake_at = wake_at
        if wake_at is None:
            return False
        left_s = (wake_at - self._engine.clock.now()).total_seconds()
        if left_s > self._patience_s:
            return False
        await self._engine.clock.sleep(left_s)
        return True

    async def _execute(self, row: RunRow) -> None:
        try:
            ended = await execute(self._engine, row)
        except StoreError:
            raise
        except TandemError as error:
            log.event("run.broke_off", level="ERROR", run=row.id, why=str(error))
            raise
        if ended is None:
            return
        self._note_waiting(ended)
        if ended.status == "waiting":
            return
        assert ended.outcome is not None
        if row.bot != late_look.BOT:
            self._tally.finished[ended.outcome] += 1
            if self._on_finished is not None:
                self._on_finished(ended)

    def _note_waiting(self, row: RunRow) -> None:
        if row.status == "waiting":
            self._waiting.add(row.id)
        else:
            self._waiting.discard(row.id)
        self._tally.waiting = len(self._waiting)
