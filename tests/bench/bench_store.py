"""What a million finished runs cost: p95 of everyday work on a full store against the same on an empty one.

``python -m tests.bench.bench_store [--runs 1000000] [--waiting 3000] [--samples 400] [--json]``. Both stores hold the
same open work: runs that wait for a ticket each, and those tickets. Measured in turns, one sample of each store:
starting a run, taking runs to work on, and listing the newest 50 runs, open tickets and waiting runs; and when the next
run is due. The finished runs are made by bulk SQL from a seed. On SQLite, and on PostgreSQL where its server is
installed. Milliseconds; ``ratio`` is full by empty.
"""

import asyncio
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert

from tandem.domain.clock import new_id
from tandem.store import runs, tickets
from tandem.store.database import Database
from tandem.store.opening import open_database
from tandem.store.runs import NewRun, Scope
from tandem.store.schema import journal, ticket_runs
from tandem.store.schema import runs as run_rows
from tandem.store.schema import tickets as ticket_rows
from tests.bench.ratio import options, show
from tests.postgres import binaries, running_server

_CHUNK = 10_000
_LISTED = 50
"""Finished runs of the store that counts as empty, so that its lists are as long."""
_SEED = 20261125
_FIRST_AT = datetime(2026, 1, 1, tzinfo=UTC)
_NOW = datetime(2026, 11, 1, tzinfo=UTC)
_SCOPE = Scope(bots=("sales_order_sync", "tandem.late_look"), attended=False)

Work = Callable[[Connection], Any]


def fill(connection: Connection, finished: int, waiting: int) -> None:
    """Finished runs with a journal entry each, and waiting ones with a ticket each."""
    chance = random.Random(_SEED)
    keys = list(range(finished))
    chance.shuffle(keys)
    for start in range(0, finished, _CHUNK):
        part = range(start, min(start + _CHUNK, finished))
        connection.execute(insert(run_rows), [_finished(number, keys[number]) for number in part])
        connection.execute(insert(journal), [_entry(number) for number in part])
    numbers = range(1, waiting + 1)
    for table, row in ((run_rows, _waiting), (ticket_rows, _ticket), (ticket_runs, _link)):
        if waiting:
            connection.execute(insert(table), [row(number) for number in numbers])
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("ANALYZE")  # as the server does by itself a minute after so many changes


def _finished(number: int, key: int) -> dict[str, Any]:
    return _run(f"0{number:025}", key) | {
        "status": "finished",
        "outcome": "created",
        "result": '{"outcome":"created","sales_order_id":"4711"}',
        "finished_at": _FIRST_AT + timedelta(seconds=number + 3),
        "created_at": _FIRST_AT + timedelta(seconds=number),
    }


def _waiting(number: int) -> dict[str, Any]:
    return _run(f"1{number:025}", 10**9 + number) | {
        "status": "waiting",
        "outcome": None,
        "result": None,
        "finished_at": None,
        "created_at": _NOW,
        "ticket_id": number,
    }


def _run(run_id: str, key: int) -> dict[str, Any]:
    return {
        "id": run_id,
        "bot": "sales_order_sync",
        "business_key": f"crm order {key:010}",
        "dedupe_key": f"sales_order_sync|{key:010}|2026-01-01T00:00:00",
        "mode": "unattended",
        "input": f'{{"number":"{key:010}"}}',
        "epoch": 1,
    }


def _entry(number: int) -> dict[str, Any]:
    body = '{"number":1,"channel":"api","operation":"sales_order.create","system":"erp","reference":"4711"}'
    at = _FIRST_AT + timedelta(seconds=number + 1)
    step = "erp.sales_order.create"
    return {"run_id": f"0{number:025}", "seq": 1, "step": step, "kind": "attempted", "at": at, "body": body}


def _ticket(number: int) -> dict[str, Any]:
    return {
        "fingerprint": f"{number:032}",
        "status": "open",
        "kind": "question",
        "system": "",
        "operation": "ask",
        "error": '{"code":"question","template":"Approve?","fields":{}}',
        "count": 1,
        "opened_at": _NOW,
        "last_at": _NOW,
    }


def _link(number: int) -> dict[str, Any]:
    return {"ticket_id": number, "run_id": f"1{number:025}", "step": "ask", "blocking": 1}


def _starting() -> Work:
    run_id = new_id()
    new = NewRun(run_id, "sales_order_sync", f"crm order {run_id}", f"sales_order_sync|{run_id}|?", {"number": run_id})
    return lambda connection: runs.add(connection, [new], _NOW)


WRITES: dict[str, Callable[[], Work]] = {
    "start a run": _starting,
    "take runs": lambda: lambda connection: runs.claim(connection, 32, _NOW, _SCOPE),
}
READS: dict[str, Work] = {
    "newest 50 runs": lambda connection: runs.list_newest(connection, _LISTED),
    "50 open tickets": lambda connection: tickets.list_newest(connection, _LISTED),
    "50 waiting runs": lambda connection: runs.list_newest(connection, _LISTED, status="waiting"),
    "50 finished runs": lambda connection: runs.list_newest(connection, _LISTED, status="finished"),
    "next due": lambda connection: runs.next_wake_at(connection, _SCOPE),
    "count unfinished": lambda connection: runs.count_unfinished(connection),
}


async def measure(full: Database, empty: Database, samples: int) -> Iterator[dict[str, Any]]:
    """One row for each kind of work. The first tenth of the samples warms the caches of both."""
    taken: dict[str, list[list[float]]] = {name: [[], []] for name in (*WRITES, *READS)}
    for _ in range(samples + samples // 10):
        for side, database in enumerate((full, empty)):
            for name, make in WRITES.items():
                taken[name][side].append(await _ms(database.write, make()))
            for name, work in READS.items():
                taken[name][side].append(await _ms(database.read, work))
    return (_row(name, *(side[samples // 10 :] for side in sides)) for name, sides in taken.items())


async def _ms(carry_out: Callable[[Work], Any], work: Work) -> float:
    started_s = time.perf_counter()
    await carry_out(work)
    return (time.perf_counter() - started_s) * 1000


def _row(name: str, full: list[float], empty: list[float]) -> dict[str, Any]:
    p95, base_p95 = _p95(full), _p95(empty)
    p50, base_p50 = statistics.median(full), statistics.median(empty)
    return {
        "work": name,
        "p95_ms": round(p95, 2),
        "empty_p95_ms": round(base_p95, 2),
        "p95_ratio": round(p95 / base_p95, 2),
        "median_ratio": round(p50 / base_p50, 2),
    }


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


async def compare(full: Database, empty: Database, finished: int, waiting: int, samples: int) -> list[dict[str, Any]]:
    """Fill both, and measure them in turns."""
    await full.write(lambda connection: fill(connection, finished, waiting))
    await empty.write(lambda connection: fill(connection, _LISTED, waiting))
    rows = list(await measure(full, empty, samples))
    await full.close()
    await empty.close()
    return rows


def main() -> None:
    given = options(__doc__, runs=1_000_000, waiting=3000, samples=400)
    rows: list[dict[str, Any]] = []
    for store, opened in _pairs():
        with opened as (full, empty):
            measured = asyncio.run(compare(full, empty, given.runs, given.waiting, given.samples))
        rows += ({"store": store, **row} for row in measured)
    show(rows, as_json=given.json)


def _pairs() -> Iterator[tuple[str, AbstractContextManager[tuple[Database, Database]]]]:
    """For each kind of store here, two that are empty."""
    yield "sqlite", _files()
    programs = binaries()
    if programs is not None:
        yield "postgresql", _servers(programs)


@contextmanager
def _files() -> Iterator[tuple[Database, Database]]:
    with tempfile.TemporaryDirectory() as folder:
        yield open_database(Path(folder) / "full.db"), open_database(Path(folder) / "empty.db")


@contextmanager
def _servers(programs: Path) -> Iterator[tuple[Database, Database]]:
    with running_server(programs) as server:
        yield open_database(server.create("full")), open_database(server.create("empty"))


if __name__ == "__main__":
    main()
