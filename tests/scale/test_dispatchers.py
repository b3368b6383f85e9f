"""One suite for both stores and both dispatchers: real workers in one process, over bots that need no vendor."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tandem.domain.clock import SystemClock
from tandem.domain.record import Record
from tandem.domain.sales_order import SALES_ORDER_CREATE
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.dispatcher import Dispatcher, EmbeddedDispatcher
from tandem.engine.engine import Engine
from tandem.engine.presence import present
from tandem.engine.procrastination import ProcrastinateDispatcher
from tandem.engine.run import Run
from tandem.engine.serving import Serving
from tandem.engine.suspension import Suspended
from tandem.engine.system import System
from tandem.store import job_queue, journal, runs
from tandem.store.codec import Codec
from tandem.store.journal import Entry
from tandem.store.opening import open_database
from tandem.store.runs import RunRow
from tandem.store.workers import Worker
from tandem.vault import Vault
from tests.engine.vendor import HandHeldClock, Office, order
from tests.scale.test_conformance import NOW

Process = Callable[[Run], Awaitable[BotResult]]
DEADLINE_S = 60.0


class Item(Record):
    name: str
    key: str


class Firm:
    """A store, and workers on it that are started and stopped as a test says."""

    def __init__(self, kind: str, store: Path | str, stack: AsyncExitStack) -> None:
        self._kind, self._store, self._stack = kind, store, stack
        self._codec = Codec(Vault(Vault.new_key()))
        self.books = open_database(store)
        stack.push_async_callback(self.books.close)

    async def hire(
        self, process: Process, queues: Sequence[str] | None = None, system: System | None = None, concurrency: int = 4
    ) -> Serving:
        """A worker that is not at work yet; each has its own engine and connections, like a process."""
        name = f"w{len(self._stack._exit_callbacks)}"
        bot = Bot("bot", Item, process, systems={} if system is None else {"erp": system})
        engine = Engine(
            open_database(self._store), {"bot": bot}, self._codec, systems={}, clock=SystemClock(), worker=name
        )
        scope = engine.scope(queues=queues)
        dispatcher: Dispatcher
        if self._kind == "procrastinate":
            dispatcher = ProcrastinateDispatcher(engine.database, str(self._store), None, engine.clock, scope, name)
            await dispatcher.open()
        else:
            dispatcher = EmbeddedDispatcher(engine.database, engine.clock, scope, name)
        engine.dispatcher = dispatcher
        self._stack.push_async_callback(engine.close)
        return Serving(engine, dispatcher, Worker(name, name, queues, concurrency), grace_s=0.2)

    async def add(self, *items: tuple[str, str], queue: str = "api") -> None:
        """Runs that nobody announces: whoever made them died after the commit."""
        new = [
            runs.NewRun(name, "bot", key, f"bot|{name}", {"name": name, "key": key}, queue=queue) for name, key in items
        ]
        await self.books.write(lambda connection: runs.add(connection, new, SystemClock().now()))

    async def rows(self) -> dict[str, RunRow]:
        return {row.id: row for row in await self.books.read(lambda connection: runs.list_newest(connection, 1000))}

    async def until(self, condition: Callable[[dict[str, RunRow]], bool]) -> dict[str, RunRow]:
        """The runs, once the condition holds."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                rows = await self.rows()
                if condition(rows):
                    return rows
                await asyncio.sleep(0.05)

    async def until_ended(self) -> dict[str, RunRow]:
        return await self.until(lambda rows: all(row.status == "finished" for row in rows.values()))


@asynccontextmanager
async def at_work(*workers: Serving) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(worker.run()) for worker in workers]
    try:
        yield
    finally:
        for worker in workers:
            worker.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), DEADLINE_S)


@pytest.fixture(params=["embedded sqlite", "embedded postgresql", "procrastinate"])
async def firm(request: pytest.FixtureRequest, new_store: Callable[[str], Path | str]) -> AsyncIterator[Firm]:
    kind, _, store = request.param.partition(" ")
    async with AsyncExitStack() as stack:
        yield Firm(kind, new_store(store or "postgresql"), stack)


class Diary:
    """A bot that notes who is at work on what."""

    def __init__(self, pause_s: float = 0.0) -> None:
        self.begun: list[str] = []
        self.at_once: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self._pause_s = pause_s

    async def process(self, run: Run) -> BotResult:
        assert isinstance(run.item, Item)
        key = run.item.key
        self.begun.append(run.item.name)
        self.at_once[key] = self.at_once.get(key, 0) + 1
        self.most[key] = max(self.most.get(key, 0), self.at_once[key])
        await asyncio.sleep(self._pause_s)
        self.at_once[key] -= 1
        return BotResult(outcome="done")


async def test_two_workers_carry_out_each_run_once(firm: Firm) -> None:
    diary = Diary(0.01)
    await firm.add(*((f"r{n:03}", f"key {n}") for n in range(60)))
    async with at_work(await firm.hire(diary.process), await firm.hire(diary.process)):
        rows = await firm.until_ended()
    assert sorted(diary.begun) == sorted(rows)
    assert {row.epoch for row in rows.values()} == {1}


async def test_runs_of_one_business_key_go_one_after_the_other(firm: Firm) -> None:
    diary = Diary(0.05)
    await firm.add(*((f"r{n}", f"key {n % 2}") for n in range(8)))
    async with at_work(await firm.hire(diary.process), await firm.hire(diary.process)):
        await firm.until_ended()
    assert diary.most == {"key 0": 1, "key 1": 1}
    for parity in (0, 1):
        mine = [name for name in diary.begun if int(name[1:]) % 2 == parity]
        assert mine == sorted(mine)


async def test_run_that_one_starts_at_the_worker_goes_at_once(firm: Firm) -> None:
    diary = Diary()
    worker = await firm.hire(diary.process)
    async with at_work(worker):
        engine = worker.engine
        (run_id,) = await engine.start("bot", [Work("key", Item(name="a", key="key"))])
        await firm.until(lambda rows: run_id in rows and rows[run_id].status == "finished")
    assert diary.begun == ["a"]


async def test_run_that_waits_for_an_instant_goes_on_when_it_has_come(firm: Firm) -> None:
    seen: list[str] = []

    async def process(run: Run) -> BotResult:
        assert isinstance(run.item, Item)
        seen.append(run.item.name)
        if seen.count(run.item.name) == 1:
            raise Suspended(wake_at=SystemClock().now() + timedelta(seconds=1.5))
        return BotResult(outcome="done")

    await firm.add(("a", "key"), ("b", "key"))
    async with at_work(await firm.hire(process)):
        await firm.until_ended()
    assert seen == ["a", "a", "b", "b"]


async def test_run_that_needs_a_screen_goes_on_at_a_worker_that_has_it(firm: Firm) -> None:
    office = Office(HandHeldClock())
    office.api.script = ["not_offered"]
    here = office.system
    api_only = System("erp", "books", {"api": office.api}, here.operations, frozenset({"browser", "desktop"}))

    async def process(run: Run) -> BotResult:
        assert isinstance(run.item, Item)
        await run.perform("erp", SALES_ORDER_CREATE, order(run.item.name))
        return BotResult(outcome="created")

    first = await firm.hire(process, ("api",), api_only)
    second = await firm.hire(process, ("browser",), here)
    await firm.add(("a", "key"))
    async with at_work(first):
        await firm.until(lambda rows: (rows["a"].status, rows["a"].queue) == ("ready", "browser"))
    async with at_work(second):
        rows = await firm.until_ended()
    assert (rows["a"].outcome, rows["a"].epoch) == ("created", 2)
    assert (office.api.calls.count("sales_order.create"), office.browser.calls[0]) == (1, "sales_order.create")
    assert len(office.books.live) == 1


async def test_run_under_way_when_the_worker_stops_is_handed_to_another(firm: Firm) -> None:
    begun = asyncio.Event()

    async def for_ever(run: Run) -> BotResult:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    await firm.add(("a", "key"))
    async with at_work(await firm.hire(for_ever)):
        await asyncio.wait_for(begun.wait(), DEADLINE_S)
    assert (await firm.rows())["a"].status == "ready"
    diary = Diary()
    async with at_work(await firm.hire(diary.process)):
        rows = await firm.until_ended()
    assert rows["a"].epoch == 2


async def test_run_that_cannot_be_executed_is_put_off_and_stops_no_other(firm: Firm) -> None:
    """Its journal was written by a later version of Tandem."""
    diary, now = Diary(), SystemClock().now()
    await firm.add(("a", "key"))

    def execute_elsewhere(connection: Connection) -> None:
        runs.take(connection, "a", now)
        journal.append(connection, Entry("a", 1, "step", "not yet known", now, {}), 1)
        runs.hand_over(connection, "a", 1)

    await firm.books.write(execute_elsewhere)
    await firm.add(("b", "other"))
    async with at_work(await firm.hire(diary.process)):
        rows = await firm.until(lambda rows: rows["b"].status == "finished" and rows["a"].status == "waiting")
    assert rows["a"].wake_at is not None


async def test_service_runs_inside_the_worker_until_it_stops(firm: Firm) -> None:
    diary = Diary()
    worker = await firm.hire(diary.process)
    told: list[str] = []

    async def service(engine: Engine) -> None:
        await engine.start("bot", [Work("key", Item(name="a", key="key"))])
        try:
            await asyncio.Event().wait()
        finally:
            told.append("cancelled")

    working = asyncio.create_task(worker.run([service]))
    await firm.until(lambda rows: len(rows) == 1 and all(row.status == "finished" for row in rows.values()))
    worker.stop()
    await asyncio.wait_for(working, DEADLINE_S)
    assert (diary.begun, told) == (["a"], ["cancelled"])


async def _fail(*_: object) -> int:
    raise RuntimeError("queue")


async def test_worker_that_can_beat_no_more_ends(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others take its runs, so it must not go on."""

    monkeypatch.setattr("tandem.engine.presence.BEAT_S", 0.05)
    for kind in (EmbeddedDispatcher, ProcrastinateDispatcher):
        monkeypatch.setattr(kind, "beat", _fail)
    worker = await firm.hire(Diary().process)
    with pytest.raises(RuntimeError, match="queue"):
        await asyncio.wait_for(worker.run(), DEADLINE_S)


async def test_command_that_can_beat_no_more_is_told_so(firm: Firm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.engine.presence.BEAT_S", 0.05)
    monkeypatch.setattr("tandem.engine.presence.DEAD_AFTER_S", 0.0)
    engine = (await firm.hire(Diary().process)).engine
    monkeypatch.setattr(engine, "recover", _fail)
    with pytest.raises(RuntimeError, match="queue"):
        async with present(engine, Worker("w", "w:1", None, 1)):
            await asyncio.sleep(DEADLINE_S)


async def test_run_that_has_begun_goes_before_new_ones_whatever_its_job_was_made_for(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        firm, diary = Firm("procrastinate", database_url, stack), Diary()
        await firm.add(*((f"r{number}", f"key {number}") for number in range(5)))
        await (await firm.hire(diary.process)).engine.announce()

        def begin_elsewhere(connection: Connection) -> None:
            runs.take(connection, "r4", SystemClock().now())
            runs.hand_over(connection, "r4", 1)

        await firm.books.write(begin_elsewhere)
        last = await firm.hire(diary.process, concurrency=1)
        await last._dispatcher.sweep()
        async with at_work(last):
            await firm.until_ended()
    assert diary.begun == ["r4", "r0", "r1", "r2", "r3"]


async def test_queue_that_nobody_serves_keeps_no_other_from_its_jobs(database_url: str) -> None:
    database = open_database(database_url)
    queues = {"a": "desktop", "b": "desktop", "c": "desktop", "d": "api"}
    new = [runs.NewRun(name, "bot", name, name, {}, queue=queue) for name, queue in queues.items()]
    await database.write(lambda connection: runs.add(connection, new, NOW))
    await database.write(job_queue.create)
    job = text(
        "INSERT INTO procrastinate_jobs (queue_name, task_name, queueing_lock) VALUES ('desktop', 'tandem.run', :run)"
    )
    for run in ("a", "b"):
        await database.write(lambda connection, run=run: connection.execute(job, {"run": run}).rowcount)
    found = await database.read(lambda connection: job_queue.undispatched(connection, 2, NOW, runs.Scope()))
    await database.close()
    assert [(each.run_id, each.queue) for each in found] == [("d", "api")]
