"""Runs per second of the engine alone against a bare loop that writes the same bytes to SQLite.

``python -m tests.bench.bench_engine [--runs 400] [--repeats 5] [--json]``. A run is five writes to a channel that does
nothing, so what is measured is the journal: an intent on the disk before each, a result after each, the end of the run.
The bare loop inserts the very rows that the engine wrote, waits for the disk where the engine must, and commits what
has queued up together: WAL, ``synchronous=FULL``, sqlite3 without anything above it. Both take turns.
"""

import asyncio
import queue
import sqlite3
import tempfile
import threading
from collections.abc import Iterable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

from tandem import log
from tandem.domain.channel import Attempt
from tandem.domain.operation import ChannelName, Operation
from tandem.domain.record import Record
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.store.codec import Codec
from tandem.store.opening import open_database
from tandem.vault import Vault
from tests.bench.ratio import Measured, Stopwatch, in_turns, options, show

IN_FLIGHT = (1, 16, 64)
STEPS = 5
_CLAIMED_AT_ONCE = 32

_Row = tuple[Any, ...]
_Statement = tuple[str, _Row]


class Slip(Record):
    """What is written: as much as a short order."""

    external_reference: str
    text: str = "sold-to party C-1001, material A1, 2 PC, net price 9.50 EUR"

    @property
    def business_key(self) -> str:
        return f"slip {self.external_reference}"


WRITE = Operation("bench.write", Slip, Slip, effect="irreversible")


class Nothing:
    """A channel that does nothing at once."""

    @property
    def name(self) -> ChannelName:
        return "api"

    async def perform(self, attempt: Attempt) -> Record:
        return attempt.request

    async def login(self) -> None: ...

    async def aclose(self) -> None: ...


async def _write_five(run: Run) -> BotResult:
    assert isinstance(run.item, Slip)
    for number in range(1, STEPS + 1):
        await run.perform("erp", WRITE, run.item, key=str(number))
    return BotResult(outcome="written")


def engine_on(path: Path) -> Engine:
    """An engine whose bot ``five`` writes five times."""
    system = System("erp", "nobody", {"api": Nothing()}, {WRITE.name: Rungs(("api",))})
    bot = Bot("five", Slip, _write_five, systems={"erp": system})
    return Engine(open_database(path), {"five": bot}, Codec(Vault(Vault.new_key())), systems={"erp": system})


async def by_engine(path: Path, runs: int, in_flight: int) -> Measured:
    """The runs, started before the time is taken."""
    engine = engine_on(path)
    slips = (Slip(external_reference=f"{path.stem}-{number}") for number in range(runs))
    await engine.start("five", [Work(slip.business_key, slip) for slip in slips])
    watch = Stopwatch()
    tally = await engine.work(concurrency=in_flight)
    measured = watch.measured(runs)
    await engine.close()
    assert tally.finished == {"written": runs}, tally
    return measured


class BareStore:
    """Commits together what has queued up, and tells each who waits; nothing else."""

    def __init__(self, path: Path) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[tuple[_Statement, asyncio.Future[None] | None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write, args=(path,))
        self._thread.start()

    def enqueue(self, statement: _Statement) -> None:
        """Write without waiting."""
        self._queue.put((statement, None))

    async def write(self, statement: _Statement) -> None:
        """Write, and wait for the disk."""
        done: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((statement, done))
        await done

    def close(self) -> None:
        self._queue.put(None)
        self._thread.join()

    def _write(self, path: Path) -> None:
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("PRAGMA synchronous=FULL")
        while (first := self._queue.get()) is not None:
            group = [first]
            while not self._queue.empty():
                item = self._queue.get()
                if item is None:
                    self._queue.put(None)
                    break
                group.append(item)
            connection.execute("BEGIN IMMEDIATE")
            for (sql, values), _ in group:
                connection.execute(sql, values)
            connection.execute("COMMIT")
            waiting = [done for _, done in group if done is not None]
            self._loop.call_soon_threadsafe(_set, waiting)
        connection.close()


def _set(waiting: Iterable[asyncio.Future[None]]) -> None:
    for done in waiting:
        done.set_result(None)


async def by_hand(engine_path: Path, path: Path, in_flight: int) -> Measured:
    """The same rows into a store with the same tables, whose runs stand there as they stood for the engine."""
    await open_database(path).close()
    runs, entries = _written(engine_path)
    _begin_as_engine(path, runs)
    store = BareStore(path)
    queue_of_runs = iter(runs)
    places = count()
    watch = Stopwatch()
    await asyncio.gather(*(_work(store, queue_of_runs, entries, places) for _ in range(in_flight)))
    measured = watch.measured(len(runs))
    store.close()
    assert _written(path)[1] == entries
    return measured


async def _work(
    store: BareStore, queue_of_runs: Iterator[sqlite3.Row], entries: dict[str, list[_Row]], places: Iterator[int]
) -> None:
    for run in queue_of_runs:
        if next(places) % _CLAIMED_AT_ONCE == 0:
            await store.write((_CLAIM, (run["id"], _CLAIMED_AT_ONCE)))
        for entry in entries[run["id"]]:
            if entry[3] == "attempted":
                await store.write((_APPEND, entry))
            else:
                store.enqueue((_APPEND, entry))
        await store.write((_FINISH, (run["outcome"], run["result"], run["finished_at"], run["id"])))


_APPEND = "INSERT INTO journal (run_id, seq, step, kind, at, body) VALUES (?, ?, ?, ?, ?, ?)"
_CLAIM = (
    "UPDATE runs SET status = 'running', epoch = epoch + 1 WHERE id IN "
    "(SELECT id FROM runs WHERE id >= ? AND status = 'ready' ORDER BY id LIMIT ?)"
)
_FINISH = "UPDATE runs SET status = 'finished', outcome = ?, result = ?, finished_at = ? WHERE id = ?"


def _written(path: Path) -> tuple[list[sqlite3.Row], dict[str, list[_Row]]]:
    """The runs and their journals as the engine left them."""
    connection = sqlite3.connect(path)
    connection.row_factory = sqlite3.Row
    found = connection.execute("SELECT * FROM runs ORDER BY id").fetchall()
    entries: dict[str, list[_Row]] = {run["id"]: [] for run in found}
    for row in connection.execute("SELECT run_id, seq, step, kind, at, body FROM journal ORDER BY run_id, seq"):
        entries[row["run_id"]].append(tuple(row))
    connection.close()
    return found, entries


def _begin_as_engine(path: Path, runs: list[sqlite3.Row]) -> None:
    connection = sqlite3.connect(path)
    names = ("id", "bot", "business_key", "dedupe_key", "mode", "input", "created_at")
    values = [(*(run[name] for name in names), "ready", 0) for run in runs]
    places = ", ".join("?" * (len(names) + 2))
    connection.executemany(f"INSERT INTO runs ({', '.join(names)}, status, epoch) VALUES ({places})", values)
    connection.commit()
    connection.close()


async def measure(runs: int, in_flight: int, repeats: int) -> dict[str, float]:
    """Both, in turns, each time on stores of their own."""
    with tempfile.TemporaryDirectory() as folder:
        turns = count()

        def path() -> Path:
            return Path(folder) / f"{next(turns)}.db"

        written: list[Path] = []

        async def engine() -> Measured:
            written.append(path())
            return await by_engine(written[-1], runs, in_flight)

        compared = await in_turns(repeats, engine, lambda: by_hand(written[-1], path(), in_flight))
    return {"in_flight": in_flight, **compared.data()}


def main() -> None:
    given = options(__doc__, runs=400, repeats=5)
    log.configure(level="ERROR")
    rows = [asyncio.run(measure(given.runs, in_flight, given.repeats)) for in_flight in IN_FLIGHT]
    show(rows, as_json=given.json)


if __name__ == "__main__":
    main()
