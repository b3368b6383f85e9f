"""A worker at work: executes what a dispatcher hands out until it is told to stop."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Sequence
from datetime import timedelta
from typing import Any

from tandem import log
from tandem.engine.dispatcher import Dispatcher
from tandem.engine.engine import Engine
from tandem.engine.execution import execute
from tandem.engine.presence import Presence, recover
from tandem.errors import StoreError, TandemError, UsageError
from tandem.store import runs
from tandem.store.runs import RunRow
from tandem.store.workers import Worker

Service = Callable[[Engine], Coroutine[Any, Any, None]]
"""What runs inside a worker beside the runs, such as schedules, pollers or a webhook intake: until it is cancelled."""
_SERVICE_PAUSE_S = 10.0
_BROKE_OFF_PAUSE_S = 60.0


class Serving:
    """One worker of a store, from its first beat to its last. ``engine.worker`` is its id.

    ``grace_s``: how long runs under way may go on after ``stop``; then each is handed to others as it stands.
    """

    def __init__(self, engine: Engine, dispatcher: Dispatcher, worker: Worker, *, grace_s: float = 30.0) -> None:
        self.engine, self._dispatcher, self._worker, self._grace_s = engine, dispatcher, worker, grace_s
        self._under_way: dict[asyncio.Task[None], RunRow] = {}
        self._stopping = asyncio.Event()
        self._failure: Exception | None = None
        self._presence = Presence(
            engine.database, worker, duty="sweep", do_duty=self._sweep, on_beat=dispatcher.beat, clock=engine.clock
        )

    def stop(self) -> None:
        """Take no more runs, let those under way end, and leave."""
        if not self._stopping.is_set():
            log.event("worker.stopping", worker=self._worker.name, under_way=len(self._under_way))
            self._stopping.set()

    async def run(self, services: Sequence[Service] = ()) -> None:
        """Work until ``stop``.

        Raises StoreError when the books cannot be kept, UsageError when a service cannot be, and whatever else ended
        the beats.
        """
        await self._presence.begin()
        log.event(
            "worker.started",
            worker=self._worker.name,
            queues=",".join(self._worker.queues or ("all",)),
            concurrency=self._worker.concurrency,
        )
        beating = asyncio.create_task(self._keep_present())
        serving = [asyncio.create_task(self._serve(service)) for service in services]
        try:
            await self._work()
            await _cancel(serving)
            await self._drain()
        finally:
            await _cancel([*serving, *self._under_way, beating])
        if self._failure is not None:
            raise self._failure
        await self._presence.end()
        log.event("worker.stopped", worker=self._worker.name)

    async def _work(self) -> None:
        stopping = asyncio.create_task(self._stopping.wait())
        while not self._stopping.is_set():
            free = self._worker.concurrency - len(self._under_way)
            taken = await self._take(free) if free else 0
            if taken == free:
                await asyncio.wait({stopping, *self._under_way}, return_when=asyncio.FIRST_COMPLETED)
            else:
                await self._dispatcher.wait()

    async def _take(self, free: int) -> int:
        rows = await self._dispatcher.next(free)
        for row in rows:
            log.event("run.taken", run=row.id, bot=row.bot, worker=self._worker.name, epoch=row.epoch)
            task = asyncio.create_task(self._execute(row))
            self._under_way[task] = row
            task.add_done_callback(self._under_way.pop)
        return len(rows)

    async def _execute(self, row: RunRow) -> None:
        ended: RunRow | None = None
        try:
            ended = await execute(self.engine, row)
        except asyncio.CancelledError:
            await self._hand_over(row)
            raise
        except StoreError as error:
            self._fail(error)
        except Exception as error:  # noqa: BLE001 - one run that cannot be executed must not stop the others
            await self._put_off(row, error)
        finally:
            await self._dispatcher.let_go(ended or row)

    async def _hand_over(self, row: RunRow) -> None:
        await self.engine.database.write(lambda connection: runs.hand_over(connection, row.id, row.epoch))
        log.event("run.handed_over", run=row.id)

    async def _put_off(self, row: RunRow, error: Exception) -> None:
        why = str(error) if isinstance(error, TandemError) else type(error).__name__
        log.event("run.broke_off", level="ERROR", run=row.id, why=why)
        again_at = self.engine.clock.now() + timedelta(seconds=_BROKE_OFF_PAUSE_S)
        await self.engine.database.write(lambda connection: runs.wait(connection, row.id, row.epoch, wake_at=again_at))

    def _fail(self, error: Exception) -> None:
        """Nothing more is begun here, and others take what we had."""
        self._failure = self._failure or error
        self._stopping.set()

    async def _drain(self) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._grace_s)
        await _cancel(self._under_way)

    async def _keep_present(self) -> None:
        try:
            await self._presence.keep()
        except Exception as error:  # noqa: BLE001 - whatever ended the beats, a worker without them must go
            self._fail(error)

    async def _sweep(self, is_steady: bool) -> None:
        if is_steady:
            await recover(self.engine)
        await self._dispatcher.sweep()

    async def _serve(self, service: Service) -> None:
        while True:
            try:
                await service(self.engine)
            except UsageError as error:
                return self._fail(error)
            except Exception as error:  # noqa: BLE001 - one service must not stop the runs or the other services
                why = str(error) if isinstance(error, TandemError) else type(error).__name__
                log.event("service.failed", level="ERROR", service=service.__qualname__, why=why)
                await asyncio.sleep(_SERVICE_PAUSE_S)
            else:
                return None


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    cancelled = [task for task in tasks if not task.done()]
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
