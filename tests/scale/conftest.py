"""Two views of one store, and fleets of workers."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tandem.store import runs, workers
from tandem.store.database import Database
from tandem.store.opening import open_database
from tandem.store.schema import firing_runs, firings
from tandem.workspace.demonstration import Stage, staged
from tandem.workspace.engine import working_engine
from tandem.workspace.workspace import Workspace
from tests.e2e.conftest import BOT, Site, demonstration

BEAT = "beat"
BEATING = """
from tandem.domain.record import Record, Text
from tandem.engine.bot import BotResult
from tandem.engine.run import Run


class Item(Record):
    on: Text

    @property
    def business_key(self) -> str:
        return self.on


async def process(run: Run) -> BotResult:
    return BotResult(outcome="beaten", final=False)
"""
EMBEDDED = "store: sqlite:///data/tandem.db"
OpenDatabase = Callable[[], Database]


@pytest.fixture
async def shared(database_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes' views of one PostgreSQL store."""
    first, second = open_database(database_url), open_database(database_url)
    yield first, second
    await first.close()
    await second.close()


class Fleet:
    """A site on a shared store, and the worker processes in it."""

    def __init__(self, site: Site, store: str) -> None:
        self.site, self.store = site, store
        self.workers: list[subprocess.Popen[str]] = []

    def start_worker(self, *words: str) -> "subprocess.Popen[str]":
        """A worker process; its log goes to a file of its own."""
        log = self.log_of(len(self.workers)).open("w", encoding="utf-8")
        worker = subprocess.Popen(
            self.site.command("worker", *words), stdin=subprocess.DEVNULL, stdout=log, stderr=log, text=True
        )
        log.close()
        self.workers.append(worker)
        return worker

    def log_of(self, number: int) -> Path:
        return self.site.folder / f"worker{number}.log"

    def schedule(self) -> None:
        """Have a bot of the workspace's own started every second, by whichever worker is first."""
        folder = self.site.folder / "bots" / BEAT
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text("")
        (folder / "bot.yaml").write_text(
            f"format: 1\nbot: {BEAT}\ntitle: {{en: Beat, zh: 节拍}}\nroles: {{erp: [stock.check]}}\n"
        )
        (folder / "process.py").write_text(BEATING)
        with (self.site.folder / "tandem.yaml").open("a", encoding="utf-8") as file:
            file.write(f"schedules:\n  beat: {{bot: {BEAT}, items: [{{on: '{{due_on}}'}}], every: 1s}}\n")

    def beats(self) -> tuple[list[Any], list[Any], list[str]]:
        """Instants that started runs; instants with a run of theirs, once for each run; the runs there are."""
        begun = select(firings.c.due_at).where(firings.c.outcome == "started").order_by(firings.c.due_at)
        linked = select(firing_runs.c.due_at).order_by(firing_runs.c.due_at)
        return (
            list(self.site.books(lambda books: books.execute(begun).scalars())),
            list(self.site.books(lambda books: books.execute(linked).scalars())),
            [row.id for row in self.site.books(lambda books: runs.list_newest(books, 5000)) if row.bot == BEAT],
        )

    def poll(self) -> list[str]:
        """Make the runs of all that changed, and leave them to the workers."""

        async def make() -> list[str]:
            async with working_engine(self.site.stage.workspace) as engine:
                return await engine.poll(BOT)

        return asyncio.run(make())

    def rows(self) -> list[runs.RunRow]:
        return self.site.books(lambda books: [row for row in runs.list_newest(books, 5000) if row.bot == BOT])

    def in_hand(self) -> dict[int, int]:
        """How many runs each living worker has, by its process id."""
        return {int(row.name.rsplit(":", 1)[1]): row.in_hand for row in self.site.books(workers.list_all) if row.alive}

    def held_by(self, pid: int) -> dict[str, int]:
        """The runs that a worker has in hand, with their epochs."""
        (worker,) = (row.id for row in self.site.books(workers.list_all) if row.name.endswith(f":{pid}"))
        return {row.id: row.epoch for row in self.rows() if row.status == "running" and row.worker == worker}

    def are_taken_over(self, held: dict[str, int]) -> bool:
        """Whether every one of the runs has begun elsewhere since."""
        epochs = {row.id: row.epoch for row in self.rows() if row.worker is not None and row.status != "ready"}
        return all(epochs.get(run_id, 0) > epoch for run_id, epoch in held.items())

    def count_finished(self) -> int:
        return sum(row.status == "finished" for row in self.rows())

    def taken_by(self, number: int) -> set[str]:
        """The runs that a worker's log says it began or went on with, late looks included."""
        return self._logged(number, "run.taken")

    def fenced_at(self, number: int) -> set[str]:
        """The runs that a worker's log says it may no longer work on."""
        return self._logged(number, "run.fenced")

    def _logged(self, number: int, event: str) -> set[str]:
        lines = self.log_of(number).read_text(encoding="utf-8").splitlines()
        return {line.split("run=")[1].split()[0] for line in lines if event in line}

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGCONT)
                worker.kill()
            worker.wait()


@contextmanager
def fleet_on(stage: Stage, store: str) -> Iterator[Fleet]:
    """The workspace moved to this store, before its first run."""
    file = stage.workspace.folder / "tandem.yaml"
    text = file.read_text(encoding="utf-8")
    assert EMBEDDED in text
    file.write_text(text.replace(EMBEDDED, f"store: {store}"), encoding="utf-8")
    made = Fleet(Site(Stage(Workspace.load(stage.workspace.folder), stage.sandboxes)), store)
    try:
        yield made
    finally:
        made.end()


@pytest.fixture
def fleet(tmp_path: Path, request: pytest.FixtureRequest, new_store: Callable[[str], Path | str]) -> Iterator[Fleet]:
    """``request.param``: the kind of store, and how many orders the sandboxes hold."""
    kind, orders = request.param
    store = EMBEDDED.removeprefix("store: ") if kind == "sqlite" else str(new_store(kind))
    with staged(tmp_path / "acme", "en", demonstration(), str(orders)) as stage, fleet_on(stage, store) as made:
        yield made
