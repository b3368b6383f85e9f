"""Dispatch over many machines by Procrastinate, a queue on PostgreSQL.

A job carries the id of a run and nothing else; our tables say whether it is that run's turn. So jobs may be lost or
come twice: they are written without waiting for the disk, and ``sweep`` makes those that are missing. A job has the
run's business key as its lock and the run's id as its queueing lock; what has begun goes before what is new.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import Job, Status

from tandem import log
from tandem.domain.clock import Clock
from tandem.engine.dispatcher import News
from tandem.store import job_queue, runs
from tandem.store.database import Database
from tandem.store.job_queue import Undispatched
from tandem.store.runs import RunRow, Scope
from tandem.store.workers import DEAD_AFTER_S

if TYPE_CHECKING:
    from procrastinate.jobs import Notification

_TASK = "tandem.run"
_QUEUED_AT_MOST = 1000
_AHEAD_S = 4.0
"""How long before a waiting run is due its job is made. Until then it costs nothing, and no job is in the way when it
is woken for another reason."""
_PAUSE_S = 1.0
_FORGET_AFTER_S = 3600.0
_CONNECTION = {"application_name": "tandem queue", "options": "-c synchronous_commit=off", "connect_timeout": 10}


class ProcrastinateDispatcher:
    """The dispatcher of one worker. ``open`` it before use, ``close`` it after.

    An outage of the server is survived: nothing is handed out meanwhile, and the store decides how long to wait.
    """

    def __init__(
        self, database: Database, url: str, password: str | None, clock: Clock, scope: Scope, worker: str
    ) -> None:
        self._database, self._clock, self._scope, self._worker = database, clock, scope, worker
        self._queues = None if scope.queues is None else list(scope.queues)
        self._everywhere = Scope(bots=scope.bots, attended=False)
        self._app = App(connector=_connector(url, password))
        self._jobs = self._app.job_manager
        self._number: int | None = None
        self._in_hand: dict[str, Job] = {}
        self._has_ended = False
        self._strays: set[int] = set()
        self._news = News()
        self._listening: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, and listen for new jobs."""
        for name in ("procrastinate", "psycopg"):
            logging.getLogger(name).addHandler(logging.NullHandler())
        await self._app.open_async()
        self._listening = asyncio.create_task(self._listen())

    async def close(self) -> None:
        """Sign off, and let go of the connections."""
        if self._listening is not None:
            self._listening.cancel()
            await asyncio.gather(self._listening, return_exceptions=True)
        try:
            if self._number is not None:
                await self._jobs.unregister_worker(self._number)
        except ConnectorException as error:
            _note_loss(error)
        await self._app.close_async()

    async def next(self, limit: int) -> list[RunRow]:
        """The runs of the next jobs, as far as it is their turn.

        With places left over, it is worth a look whether what has ended here lets others go on.
        """
        try:
            jobs = await self._fetch(limit)
            if len(jobs) < limit and self._has_ended:
                self._has_ended = False
                await self.announce()
                jobs += await self._fetch(limit - len(jobs))
        except ConnectorException as error:
            _note_loss(error)
            self._number = None
            await self._clock.sleep(_PAUSE_S)
            return []
        taken = await asyncio.gather(*(self._take(job) for job in jobs))
        return [row for row in taken if row is not None]

    async def wait(self) -> None:
        """Return after a second, or as soon as a job has come."""
        await self._news.wait()

    async def announce(self) -> None:
        """Make jobs for what is ready or will soon be due."""
        await self._defer(await self._undispatched())

    async def let_go(self, row: RunRow) -> None:
        """End the run's job. The next run of its business key gets its own when we have a place left, or at a sweep."""
        job = self._in_hand.pop(row.id, None)
        if job is not None:
            await self._end(job)
        self._has_ended = True
        self._news.tell()

    async def beat(self) -> None:
        """Tell the queue that we live; end jobs of ours that we know nothing of: an outage had swallowed their end."""
        try:
            if self._number is not None:
                await self._jobs.update_heartbeat(self._number)
                await self._end_strays(self._number)
        except ConnectorException as error:
            _note_loss(error)

    async def sweep(self) -> None:
        """End the jobs of dead workers, put what has begun before what is new, and make every job that is missing."""
        try:
            for job in await self._jobs.get_stalled_jobs(seconds_since_heartbeat=DEAD_AFTER_S):
                await self._end(job)
            await self._jobs.prune_stalled_workers(_FORGET_AFTER_S)
        except ConnectorException as error:
            _note_loss(error)
        await self._database.write(job_queue.put_begun_first)
        await self.announce()

    async def _fetch(self, limit: int) -> list[Job]:
        if self._number is None:
            self._number = await self._jobs.register_worker()
        jobs: list[Job] = []
        while len(jobs) < limit:
            job = await self._jobs.fetch_job(queues=self._queues, worker_id=self._number)
            if job is None:
                break
            jobs.append(job)
        return jobs

    async def _take(self, job: Job) -> RunRow | None:
        run_id, now = str(job.task_kwargs["run_id"]), self._clock.now()
        row = await self._database.write(
            lambda connection: runs.take(connection, run_id, now, self._worker, self._scope)
        )
        if row is None:
            await self._end(job)
        else:
            self._in_hand[run_id] = job
        return row

    async def _undispatched(self) -> Sequence[Undispatched]:
        until = self._clock.now() + timedelta(seconds=_AHEAD_S)
        return await self._database.read(
            lambda connection: job_queue.undispatched(connection, _QUEUED_AT_MOST, until, self._everywhere)
        )

    async def _defer(self, due: Sequence[Undispatched]) -> None:
        """One by one where several sweep at once, so that a job which is there already keeps no other away."""
        if not due:
            return
        jobs = [self._job(run) for run in due]
        try:
            await self._jobs.batch_defer_jobs_async(jobs=jobs)
        except AlreadyEnqueued:
            for job in jobs if len(jobs) > 1 else ():
                await self._defer_one(job)
        except ConnectorException as error:
            _note_loss(error)

    async def _defer_one(self, job: Job) -> None:
        try:
            await self._jobs.defer_job_async(job=job)
        except AlreadyEnqueued:
            return
        except ConnectorException as error:
            _note_loss(error)

    def _job(self, run: Undispatched) -> Job:
        return self._app.configure_task(
            _TASK,
            lock=run.business_key,
            queueing_lock=run.run_id,
            queue=run.queue,
            priority=job_queue.BEGUN if run.begun else job_queue.NEW,
            schedule_at=run.wake_at,
            task_kwargs={"run_id": run.run_id},
        ).job

    async def _end(self, job: Job) -> None:
        try:
            await self._jobs.finish_job(job=job, status=Status.SUCCEEDED, delete_job=True)
        except ConnectorException:
            log.event("job.gone", level="DEBUG", job=job.id)

    async def _end_strays(self, number: int) -> None:
        known = {job.id for job in self._in_hand.values()}
        held = await self._jobs.list_jobs_async(worker_id=number, status=Status.DOING.value)
        strays = {job.id: job for job in held if job.id is not None and job.id not in known}
        for job_id in self._strays & strays.keys():
            await self._end(strays[job_id])
        self._strays = set(strays)

    async def _listen(self) -> None:
        while True:
            try:
                await self._jobs.listen_for_jobs(on_notification=self._notice, queues=self._queues)
            except ConnectorException:
                await asyncio.sleep(_PAUSE_S)

    async def _notice(self, *, channel: str, notification: "Notification") -> None:
        self._news.tell()


def _note_loss(error: ConnectorException) -> None:
    log.event("queue.lost", level="WARNING", why=type(error.__cause__ or error).__name__)


def _connector(url: str, password: str | None) -> PsycopgConnector:
    """Its pool; the password goes beside the text that logs could show."""
    given: dict[str, Any] = {**_CONNECTION, **({"password": password} if password else {})}
    return PsycopgConnector(conninfo=url, kwargs=given, min_size=1, max_size=2, timeout=5.0)
