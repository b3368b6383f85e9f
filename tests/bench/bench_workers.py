"""Runs per second of 1, 2 and 3 worker processes on one PostgreSQL server, all on this machine.

``python -m tests.bench.bench_workers [--runs 1500]``: runs of five recorded steps and no vendor, so that what is
measured is the store, the journal and the dispatcher. Every step is on the disk before the next begins.
"""

import argparse
import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from tandem.domain.record import Record
from tandem.engine.bot import work_of
from tandem.store import runs, workers
from tandem.store.database import Database
from tandem.workspace.engine import working_engine
from tandem.workspace.founding import found
from tandem.workspace.store import open_store
from tandem.workspace.workspace import Workspace
from tests.postgres import Server, binaries, running_server

_MANIFEST = """\
format: 1
bot: five_steps
title: {en: Five steps, zh: 五步}
roles:
  erp: [business_partner.find]
"""
_PROCESS = '''\
"""Five recorded steps."""

from tandem.domain.record import Record
from tandem.engine.bot import BotResult
from tandem.engine.run import Run


class Item(Record):
    number: int

    @property
    def business_key(self) -> str:
        return f"number {self.number}"


async def process(run: Run) -> BotResult:
    for step in range(5):
        await run.now(str(step))
    return BotResult(outcome="done")
'''


def main() -> None:
    """Print one line for each number of workers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1500)
    count = parser.parse_args().runs
    programs = binaries()
    assert programs is not None, "no PostgreSQL on this machine"
    with running_server(programs) as server:
        for number in (1, 2, 3):
            before_s = _cpu_s()
            rate = measure(server, number, count)
            cpu_ms = 1000 * (_cpu_s() - before_s) / count
            print(f"{number} workers: {rate:.0f} runs/s, {cpu_ms:.1f} ms of their CPU a run, starting included")  # noqa: T201 - what this program is for


def measure(server: Server, number: int, count: int) -> float:
    """Runs per second, from when every worker is there until the last run has ended."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "acme"
        found(folder, "en")
        file = folder / "tandem.yaml"
        url = server.create(f"bench{number}")
        text = file.read_text(encoding="utf-8").replace("sqlite:///data/tandem.db", url)
        file.write_text(text, encoding="utf-8")
        bot = folder / "bots" / "five_steps"
        bot.mkdir(parents=True)
        (bot / "bot.yaml").write_text(_MANIFEST, encoding="utf-8")
        (bot / "process.py").write_text(_PROCESS, encoding="utf-8")
        started = [_worker(folder) for _ in range(number)]
        try:
            return asyncio.run(_measure(Workspace.load(folder), started, count))
        finally:
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.wait(60)


def _worker(folder: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "tandem", "--workspace", str(folder), "worker", "--concurrency", "32"]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


async def _measure(workspace: Workspace, started: "Sequence[subprocess.Popen[bytes]]", count: int) -> float:
    await _start(workspace, 10 * len(started))  # so that each has loaded and connected
    database = open_store(workspace)
    try:
        while len(await database.read(workers.list_all)) < len(started) or await database.read(_left):
            assert all(worker.poll() is None for worker in started), "a worker has ended"
            await asyncio.sleep(0.2)
        await _start(workspace, count)
        began_s = time.perf_counter()
        await _until_none_is_left(database)
        return count / (time.perf_counter() - began_s)
    finally:
        await database.close()


async def _start(workspace: Workspace, count: int) -> None:
    async with working_engine(workspace) as engine:
        kind: type[Record] = engine.bot("five_steps").item
        first = time.time_ns()
        items = [kind.model_validate({"number": first + n}) for n in range(count)]
        await engine.start("five_steps", work_of(items))


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def _until_none_is_left(database: Database) -> None:
    while True:
        if not await database.read(_left):
            return
        await asyncio.sleep(0.1)


def _left(connection: Connection) -> int:
    return sum(runs.count_unfinished(connection).values())


if __name__ == "__main__":
    main()
