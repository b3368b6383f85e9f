"""Many processes on one PostgreSQL store, a server that goes away, and a commit that nobody answers."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, text

from tandem.engine.engine import Engine
from tandem.errors import StoreError
from tandem.store import journal, runs, tickets, workers
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.store.journal import Entry
from tandem.store.opening import open_database
from tandem.store.runs import NewRun
from tandem.store.tickets import TicketRun
from tandem.store.workers import Worker
from tandem.vault import Vault
from tests.engine.vendor import HandHeldClock, Office, work
from tests.postgres import Server, wait_until
from tests.scale.test_conformance import NOW, adding, claiming, fault, new
from tests.scale.wire import Break, Wire

Pair = tuple[Database, Database]


async def test_twins_made_at_once_by_two_processes_are_one_run(shared: Pair) -> None:
    """Each process names the runs of the same documents by ids of its own."""
    first, second = shared

    def many(process: str) -> list[NewRun]:
        return [NewRun(f"{process}{n}", "bot", f"key {n}", f"dedupe {n}", {}) for n in range(300)]

    made = await asyncio.gather(
        *(first.write(adding(*many("a")[start : start + 10])) for start in range(0, 300, 10)),
        *(second.write(adding(*reversed(many("b")[start : start + 10]))) for start in reversed(range(0, 300, 10))),
    )
    assert len({run_id for ids in made for run_id in ids}) == 300
    assert len(await first.read(lambda connection: runs.list_newest(connection, 1000))) == 300


async def test_every_run_is_claimed_by_one_process_only(shared: Pair) -> None:
    await shared[0].write(adding(*(new(f"r{n:03}", f"key {n % 50}") for n in range(200))))
    claimed = await asyncio.gather(*(database.write(claiming(3)) for database in shared * 20))
    taken = [run_id for ids in claimed for run_id in ids]
    assert sorted(taken) == sorted(set(taken))
    assert {int(run_id[1:]) for run_id in taken} <= set(range(50))


async def test_work_goes_on_while_another_process_is_taking_its_runs(shared: Pair) -> None:
    """A claim passes over what another one holds, and sees neither that it is free nor that it executes."""
    clock = HandHeldClock()
    office = Office(clock)
    engine = Engine(
        shared[0],
        {"order": office.bot},
        Codec(Vault(Vault.new_key())),
        systems={"erp": office.system},
        clock=clock,
        worker="one",
    )
    ids = await engine.start("order", [work("R-1")])
    taking, holding = threading.Event(), threading.Event()

    def take(connection: Connection) -> None:
        connection.execute(text("SELECT id FROM runs FOR UPDATE"))
        holding.set()
        taking.wait(30)

    other = asyncio.create_task(shared[1].write(take))
    await asyncio.to_thread(holding.wait, 30)
    working = asyncio.create_task(engine.work(only=ids))
    await asyncio.sleep(0.5)
    assert not working.done()
    taking.set()
    await other
    assert (await working).finished == {"created": 1}


async def test_run_that_two_processes_take_at_once_is_taken_by_one(shared: Pair) -> None:
    await shared[0].write(adding(*(new(f"r{n:03}") for n in range(40))))
    for name in ("w0", "w1"):
        await shared[0].write(lambda connection, name=name: workers.beat(connection, Worker(name, name, None, 1)))
    taken = await asyncio.gather(
        *(
            database.write(lambda connection, n=n, w=f"w{w}": runs.take(connection, f"r{n:03}", NOW, w))
            for n in range(40)
            for w, database in enumerate(shared)
        )
    )
    assert sum(row is not None for row in taken) == 40


async def test_same_fault_of_two_processes_is_one_ticket(shared: Pair) -> None:
    opened = await asyncio.gather(
        *(
            database.write(
                lambda connection, n=n: tickets.open_or_fold(
                    connection, fault(str(n)), TicketRun(f"r{n}", "s", True, None), NOW
                )
            )
            for n in range(50)
            for database in shared
        )
    )
    assert len({number for number, _ in opened}) == 1
    assert sum(is_new for _, is_new in opened) == 1
    ticket = await shared[0].read(lambda connection: tickets.find(connection, opened[0][0]))
    assert ticket is not None
    assert (ticket.count, len(ticket.runs)) == (100, 50)


async def test_entry_under_way_is_waited_for_by_whoever_takes_the_run_over(shared: Pair) -> None:
    """Else the one would send on the strength of an intent that the other has not read."""
    first, second = shared
    await first.write(adding(new("a")))
    await first.write(lambda connection: runs.take(connection, "a", NOW))
    appended, may_commit = threading.Event(), threading.Event()

    def append_slowly(connection: Connection) -> bool:
        done = journal.append(connection, Entry("a", 1, "step", "value", NOW, {"value": 1}), 1)
        appended.set()
        may_commit.wait(4)
        return done

    writing = first.enqueue(append_slowly)
    await asyncio.to_thread(appended.wait, 10)
    taking = second.enqueue(lambda connection: runs.take(connection, "a", NOW))
    await asyncio.sleep(0.3)
    assert not taking.done()
    may_commit.set()
    assert await writing
    assert await taking
    assert len(await second.read(lambda connection: journal.load(connection, "a"))) == 1
    late = Entry("a", 2, "step", "value", NOW, {"value": 2})
    assert not await first.write(lambda connection: journal.append(connection, late, 1))


async def test_worker_stopped_inside_a_transaction_holds_nobody_up(shared: Pair) -> None:
    """The server ends its session; when it wakes up, its group is done again, once."""
    first, second = shared
    await first.write(adding(new("a")))
    await first.write(lambda connection: runs.take(connection, "a", NOW))
    begun, woken = threading.Event(), threading.Event()
    calls: list[bool] = []

    def stopped(connection: Connection) -> bool:
        done = journal.append(connection, Entry("a", 1, "step", "value", NOW, {"value": 1}), 1)
        calls.append(done)
        begun.set()
        if len(calls) == 1:
            woken.wait(60)
        return done

    writing = first.enqueue(stopped)
    await asyncio.to_thread(begun.wait, 10)
    assert await asyncio.wait_for(second.write(lambda connection: runs.take(connection, "a", NOW)), 60)
    woken.set()
    assert not await writing
    assert calls == [True, False]
    assert await second.read(lambda connection: journal.load(connection, "a")) == []


@pytest.mark.parametrize("is_pipeline", [True, False])
async def test_worker_that_stands_still_in_a_transaction_holds_nobody_up(
    shared: tuple[Database, Database], database_url: str, is_pipeline: bool
) -> None:
    """Whether or not the server has a limit of its own for it; within a pipeline it takes the worker for busy."""
    database, _ = shared
    await database.write(adding(new("a")))
    with psycopg.connect(database_url, application_name="tandem writer", autocommit=True) as stopped:
        if is_pipeline:
            stopped.pgconn.enter_pipeline_mode()
            for statement in (b"BEGIN", b"UPDATE runs SET mode = mode"):
                stopped.pgconn.send_query_params(statement, None)
            stopped.pgconn.send_flush_request()
            stopped.pgconn.flush()
        else:
            stopped.execute("BEGIN")
            stopped.execute("UPDATE runs SET mode = mode")
        await asyncio.to_thread(wait_until, lambda: _holds_a_lock(database_url, stopped.info.backend_pid), 30)
        assert await asyncio.wait_for(database.write(lambda connection: runs.take(connection, "a", NOW)), 30)
        assert not _holds_a_lock(database_url, stopped.info.backend_pid)
        stopped.close()


def _holds_a_lock(database_url: str, pid: int) -> bool:
    query = "SELECT count(*) FROM pg_locks WHERE pid = %s AND relation = 'runs'::regclass AND mode = 'RowExclusiveLock'"
    with psycopg.connect(database_url) as connection:
        return connection.execute(query, (pid,)).fetchone() != (0,)


async def test_commit_in_doubt_is_not_done_again_when_its_mark_cannot_be_read(
    postgresql: Server, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a lock keeps us from the mark for longer than we are patient, nobody is told that it was done, or not."""

    def look(connection: Connection, _: int) -> bool:
        with connection.begin():
            connection.execute(text("LOCK TABLE elsewhere NOWAIT"))
        raise AssertionError

    with _wire(postgresql) as wire:
        database = open_database(database_url.replace(str(postgresql.port), str(wire.port)), patience_s=0.5)
        await database.write(lambda c: c.execute(text("CREATE TABLE counted (n int)")) and None)
        await database.write(lambda c: c.execute(text("CREATE TABLE elsewhere (n int)")) and None)
        monkeypatch.setattr(database.backend, "is_committed", look)
        with psycopg.connect(database_url) as held:
            held.execute("LOCK TABLE elsewhere")
            wire.break_next_commit("after")
            insert = text("INSERT INTO counted VALUES (:n)")
            writes = [database.write(lambda c, n=n: c.execute(insert, {"n": n}) and None) for n in range(3)]
            told = await asyncio.gather(*writes, return_exceptions=True)
        await database.close()
    counted = postgresql.sql("SELECT count(*), count(DISTINCT n) FROM counted", database_url.rsplit("/", 1)[1])
    assert isinstance(told[0], StoreError)
    assert len(set(counted.split("|"))) == 1, "some were done twice"


async def test_lock_that_is_not_to_be_had_is_one_sentence_when_patience_ends(database_url: str) -> None:
    """Whoever holds it is not one of ours: its session stays."""
    database = open_database(database_url, patience_s=0.5)
    await database.write(adding(new("a")))
    with psycopg.connect(database_url, application_name="psql") as busy:
        busy.execute("UPDATE runs SET mode = mode")
        with pytest.raises(StoreError, match="lock timeout"):
            await database.write(lambda connection: runs.take(connection, "a", NOW))
    assert await database.write(lambda connection: runs.take(connection, "a", NOW))
    await database.close()


@contextmanager
def _wire(postgresql: Server) -> Iterator[Wire]:
    wire = Wire(postgresql.port)
    yield wire
    wire.close()


@pytest.mark.parametrize("breaks", [("before",), ("after",), ("after", "after", "before"), ("before", "after")])
async def test_commit_without_an_answer_is_looked_up_and_done_once(
    postgresql: Server, database_url: str, breaks: tuple[Break, ...]
) -> None:
    with _wire(postgresql) as wire:
        database = open_database(database_url.replace(str(postgresql.port), str(wire.port)))
        await database.write(lambda connection: connection.execute(text("CREATE TABLE counted (n int)")) and None)
        wire.break_next_commit(*breaks)
        insert = text("INSERT INTO counted VALUES (:n) RETURNING n")
        for number in range(5):
            assert await database.write(lambda c, n=number: c.execute(insert, {"n": n}).scalar()) == number
        await database.close()
    assert (wire.breaks, wire.broken) == ([], len(breaks))
    assert postgresql.sql("SELECT count(*), count(DISTINCT n) FROM counted", database_url.rsplit("/", 1)[1]) == "5|5"


async def test_server_restarted_while_writing_and_reading_loses_and_doubles_nothing(
    postgresql: Server, database_url: str
) -> None:
    database = open_database(database_url, patience_s=280.0)
    await database.write(lambda connection: connection.execute(text("CREATE TABLE counted (n int)")) and None)
    insert, count = text("INSERT INTO counted VALUES (:n)"), text("SELECT count(*) FROM counted")

    async def write(start: int) -> None:
        for number in range(start, start + 200):
            await database.write(lambda c, n=number: c.execute(insert, {"n": n}) and None)
            await database.read(lambda c: c.execute(count).scalar())

    async def restart() -> None:
        for _ in range(2):
            await asyncio.sleep(0.3)
            await asyncio.to_thread(postgresql.stop, "immediate")
            await asyncio.to_thread(postgresql.start)

    await asyncio.gather(*(write(1000 * task) for task in range(4)), restart())
    numbers = await database.read(lambda c: c.execute(text("SELECT n FROM counted")).scalars().all())
    await database.close()
    assert sorted(numbers) == [1000 * task + n for task in range(4) for n in range(200)]


async def test_server_that_stays_away_is_one_sentence_when_patience_ends(postgresql: Server, database_url: str) -> None:
    database = open_database(database_url, patience_s=0.5)
    postgresql.stop("immediate")
    try:
        with pytest.raises(StoreError, match=r"cannot be used: Connection refused"):
            await database.write(adding(new("a")))
        with pytest.raises(StoreError, match=r"cannot be used: Connection refused"):
            await database.read(lambda connection: runs.list_newest(connection, 1))
    finally:
        postgresql.start()
    await database.write(adding(new("a")))
    await database.close()


async def test_several_processes_that_start_at_once_make_the_tables_once(database_url: str) -> None:
    opened = await asyncio.gather(*(asyncio.to_thread(open_database, database_url) for _ in range(6)))
    await asyncio.gather(*(database.write(adding(new(f"r{n}"))) for n, database in enumerate(opened)))
    assert len(await opened[0].read(lambda connection: runs.list_newest(connection, 10))) == 6
    for database in opened:
        await database.close()
