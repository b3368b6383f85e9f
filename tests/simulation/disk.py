"""The store under simulation: real SQL, committed in groups when the seed says so; only that survives."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from random import Random
from typing import Any

from sqlalchemy import Connection, StaticPool, create_engine, select

from tandem.store import store_clock
from tandem.store.change import carry_out
from tandem.store.migrate import upgrade
from tandem.store.runs import RunRow
from tandem.store.schema import metadata, runs
from tests.simulation.loop import Process

Work = Callable[[Connection], Any]
CrashPoint = Callable[[str], None]
Committed = Callable[[Process, list[Work], list[Any]], None]
"""Told what a process has just committed, and what each work returned."""
_EMPTIED = [table.name for table in reversed(metadata.sorted_tables) if table.name != "turnstile"]
_RUNNING = select(runs.c.id).where(runs.c.status == "running")


class Disk:
    """What is on the disk. One for a whole series of histories; ``wipe`` it before each. ``version`` counts commits.

    ``now``: what time it is where the disk is: at a server with a clock of its own, or in the one process there is.
    """

    now: Callable[[], datetime]

    def __init__(self) -> None:
        self._engine = create_engine(
            "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}, query_cache_size=2000
        )
        with self._engine.begin() as connection:
            upgrade(connection)
        self._connection = self._engine.connect().execution_options(
            isolation_level="AUTOCOMMIT", **{store_clock.OPTION: lambda _: self.now()}
        )
        self._raw: Any = self._connection.connection.driver_connection
        self.version = 0

    def wipe(self, now: Callable[[], datetime]) -> None:
        self.now = now
        with self._transaction():
            for table in _EMPTIED:
                self._raw.execute(f"DELETE FROM {table}")
            self._raw.execute("UPDATE turnstile SET place = 0")

    def read(self, work: Work) -> Any:
        return work(self._connection)

    def commit(self, group: list[Work]) -> list[Any]:
        """One transaction; if one of several fails, each in a transaction of its own. A failure is its own result."""
        try:
            with self._transaction():
                return carry_out(self._connection, group)
        except Exception as error:
            if len(group) == 1:
                return [Failure(error)]
            return [result for work in group for result in self.commit([work])]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """By the driver itself: SQLAlchemy's would cost a quarter of a history's time."""
        self._raw.execute("BEGIN")
        try:
            yield
        except BaseException:
            self._raw.execute("ROLLBACK")
            raise
        self._raw.execute("COMMIT")
        self.version += 1


class Failure:
    def __init__(self, error: Exception) -> None:
        self.error = error


class Holders:
    """``of``: which process took a run last, and when, as a dispatcher with heartbeats would know."""

    def __init__(self) -> None:
        self.of: dict[str, tuple[Process, float]] = {}

    def note(self, process: Process, result: Any) -> None:
        for row in result if isinstance(result, list) else [result]:
            if isinstance(row, RunRow) and row.status == "running":
                self.of[row.id] = process, process.loop.time()

    def runs_of(self, process: Process, disk: Disk) -> list[str]:
        """The runs that still are running in its hands."""
        running = set(disk.read(lambda connection: connection.execute(_RUNNING).scalars().all()))
        return [run_id for run_id, (holder, _) in self.of.items() if holder is process and run_id in running]


class Client:
    """One process's access to the disk: the port of ``tandem.store.database.Database``.

    What is queued when the process dies is lost. What was committed stays, whether or not the process learnt of it.
    ``crash_point`` is called where the process may die.
    """

    def __init__(
        self,
        disk: Disk,
        process: Process,
        random: Random,
        committed: Committed,
        crash_point: CrashPoint,
        slowness_s: float,
    ) -> None:
        self._disk, self._process, self._random, self._committed = disk, process, random, committed
        self._crash_point, self._slowness_s = crash_point, slowness_s
        self._queue: list[tuple[Work, asyncio.Future[Any]]] = []
        self._busy = False

    def enqueue(self, work: Work) -> "asyncio.Future[Any]":
        future = self._process.loop.create_future()
        self._crash_point("before a write to the store")
        if self._process.alive:
            self._queue.append((work, future))
            if not self._busy:
                self._busy = True
                self._process.later(self._delay_s(), self._commit)
        return future

    async def write(self, work: Work) -> Any:
        return await self.enqueue(work)

    async def read(self, work: Work) -> Any:
        await asyncio.sleep(self._delay_s())
        return self._disk.read(work)

    async def close(self) -> None: ...

    def _commit(self) -> None:
        self._crash_point("before a commit")
        if not self._process.alive:
            return
        count = 1 + int(self._random.random() * len(self._queue))
        group, self._queue = self._queue[:count], self._queue[count:]
        works = [work for work, _ in group]
        results = self._disk.commit(works)
        self._committed(self._process, works, results)
        self._crash_point("after a commit, before anybody learns of it")
        self._process.later(self._delay_s(), self._acknowledge, group, results)

    def _acknowledge(self, group: list[tuple[Work, "asyncio.Future[Any]"]], results: list[Any]) -> None:
        for (_, future), result in zip(group, results, strict=True):
            if future.done():
                continue
            if isinstance(result, Failure):
                future.set_exception(result.error)
            else:
                future.set_result(result)
        self._busy = bool(self._queue)
        if self._busy:
            self._process.later(self._delay_s(), self._commit)

    def _delay_s(self) -> float:
        """Mostly milliseconds; now and then a disk or a network takes as long as it likes."""
        draw = self._random.random()
        return draw * 0.01 if draw > 0.02 else self._random.random() * self._slowness_s
