"""Real processes that keep one schedule on one store, and are killed while they do."""

import asyncio
import itertools
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from sqlalchemy import select

from tandem.store.opening import open_database
from tandem.store.schema import firing_runs, firings, runs


def started(store: Path, *more: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tests.triggers.keeper_process", str(store), *more])


@pytest.mark.slow
async def test_killed_processes_fire_every_instant_once_with_its_run(tmp_path: Path) -> None:
    store = tmp_path / "tandem.db"
    database = open_database(store)
    worker, *keepers = [started(store, "work"), started(store), started(store)]
    try:
        for turn in itertools.count():
            await asyncio.sleep(0.7)
            assert worker.poll() is None
            keepers[turn % 2].kill()
            keepers[turn % 2].wait()
            keepers[turn % 2] = started(store)
            found = await database.read(lambda books: books.execute(select(firings)).all())
            if Counter(row.outcome for row in found)["started"] >= 6:
                break
    finally:
        for process in (worker, *keepers):
            process.kill()
            process.wait()
    found = await database.read(lambda books: books.execute(select(firings)).all())
    links = await database.read(lambda books: books.execute(select(firing_runs)).all())
    made = await database.read(lambda books: books.execute(select(runs.c.id)).scalars().all())
    await database.close()
    assert sorted(row.due_at for row in found if row.outcome == "started") == sorted(row.due_at for row in links)
    assert sorted(row.run_id for row in links) == sorted(made)
