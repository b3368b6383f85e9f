"""A process among the workers of a store: it says that it lives, and does now and then what one of all should do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from tandem import log
from tandem.domain.clock import Clock
from tandem.store import workers
from tandem.store.database import Database
from tandem.store.workers import BEAT_S, DEAD_AFTER_S, Worker

if TYPE_CHECKING:
    from tandem.engine.engine import Engine

_OUTAGE_S = DEAD_AFTER_S - 1.5 * BEAT_S
"""A store that answered nobody for so long may have kept the living silent for too long. What is shorter, such as the
lock of a worker that was stopped inside a transaction, has not."""

Duty = Callable[[bool], Awaitable[None]]
"""What one of all workers does at each beat. It is told whether this worker may judge others by their silence."""


async def _nothing() -> None: ...


class Presence:
    """The beats of one worker. ``do_duty`` is called in one of all workers, ``on_beat`` in each."""

    def __init__(
        self,
        database: Database,
        worker: Worker,
        *,
        duty: str,
        do_duty: Duty,
        clock: Clock,
        on_beat: Callable[[], Awaitable[None]] = _nothing,
    ) -> None:
        self._database, self._worker, self._clock = database, worker, clock
        self._duty, self._do_duty, self._on_beat = duty, do_duty, on_beat
        self._steady_since_s = self._last_beat_s = clock.monotonic_s()

    async def begin(self) -> None:
        """Be there."""
        await self._database.write(lambda connection: workers.beat(connection, self._worker))

    async def keep(self) -> None:
        """Beat until cancelled, whatever the duty does meanwhile.

        Raises StoreError when the store stays away: by then others have our runs.
        """
        chores: asyncio.Task[None] | None = None
        try:
            while True:
                await self._clock.sleep(BEAT_S)
                if chores is not None and chores.done():
                    chores = chores.result()
                is_ours = await self._database.write(partial(self._beat, is_free=chores is None))
                self._note_beat()
                if chores is None:
                    chores = asyncio.create_task(self._do_chores(is_ours))
        finally:
            if chores is not None:
                chores.cancel()
                await asyncio.gather(chores, return_exceptions=True)

    async def end(self) -> None:
        """Leave as one should."""
        await self._database.write(lambda connection: workers.leave(connection, self._worker.id))

    def _beat(self, connection: Connection, *, is_free: bool) -> bool:
        """Whether the duty is ours this time; who is not free leaves it to others."""
        workers.beat(connection, self._worker)
        return is_free and workers.take_duty(connection, self._duty, 0.9 * BEAT_S)

    async def _do_chores(self, is_ours: bool) -> None:
        await self._on_beat()
        if is_ours:
            await self._do_duty(self._last_beat_s - self._steady_since_s >= DEAD_AFTER_S)

    def _note_beat(self) -> None:
        """After an outage of the store everybody looks dead: then the others get the time to show that they live."""
        now_s = self._clock.monotonic_s()
        if now_s - self._last_beat_s > _OUTAGE_S:
            self._steady_since_s = now_s
        self._last_beat_s = now_s


async def recover(engine: "Engine") -> None:
    """Take the runs of dead workers from them."""
    count = await engine.recover()
    if count:
        log.event("runs.recovered", level="WARNING", count=count)
    await engine.database.write(workers.bury)


@asynccontextmanager
async def present(engine: "Engine", worker: Worker) -> AsyncIterator[None]:
    """Inside, the engine's process is a worker of the store: its runs are left to it.

    Raises what ended the beats: without them the runs are left to it no more.
    """

    async def do_duty(is_steady: bool) -> None:
        if is_steady:
            await recover(engine)

    presence = Presence(engine.database, worker, duty="recover", do_duty=do_duty, clock=engine.clock)
    await presence.begin()
    keeping, owner = asyncio.create_task(presence.keep()), asyncio.current_task()
    assert owner is not None
    keeping.add_done_callback(lambda ended: ended.cancelled() or owner.cancel())
    try:
        yield
    except asyncio.CancelledError:
        if keeping.done():
            owner.uncancel()
            keeping.result()
        raise
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await presence.end()
