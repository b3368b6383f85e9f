"""The whole of Tandem against running sandboxes: a fresh workspace, real processes, real HTTP."""

import asyncio
import csv
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection

from tandem.workspace.demonstration import Demonstration, Stage, Times, staged
from tandem.workspace.formats import Format
from tandem.workspace.roots import BUILT_IN
from tandem.workspace.store import open_store

DEMO = BUILT_IN / "bots" / "sales_order_sync" / "demo.yaml"
BOT = "sales_order_sync"
T = TypeVar("T")


def demonstration(settle_s: float = 1.5, late_s: float = 3.0) -> Demonstration:
    found = Format("demo", Demonstration).read(DEMO)
    return found.model_copy(update={"times": Times(settle_s=settle_s, late_s=late_s)})


class Site:
    """A workspace with its running sandboxes, and the program ``tandem`` in it."""

    def __init__(self, stage: Stage, language: str = "en") -> None:
        self.stage, self.language = stage, language
        self.folder = stage.workspace.folder

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "tandem", "--workspace", str(self.folder), "--language", self.language, *words]

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            self.command(*words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    def run(self, *words: str, timeout_s: float = 240) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.command(*words), capture_output=True, stdin=subprocess.DEVNULL, text=True, timeout=timeout_s
        )

    def json(self, *words: str, timeout_s: float = 240) -> Any:
        done = self.run(*words, "--json", timeout_s=timeout_s)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    def strike(self, faults: Mapping[str, tuple[str, ...]]) -> None:
        self.stage.strike(faults)

    @property
    def erp(self) -> Mapping[str, Any]:
        return self.stage.sandboxes["erp"].census()

    @property
    def crm(self) -> Mapping[str, Any]:
        return self.stage.sandboxes["crm"].census()

    @property
    def live_orders(self) -> int:
        census = self.erp
        return int(census["sales_orders"]) - int(census["cancelled"])

    def books(self, work: Callable[[Connection], T]) -> T:
        """What Tandem's own store says, while no engine is at work on it."""

        async def read() -> T:
            database = open_store(self.stage.workspace)
            try:
                return await database.read(work)
            finally:
                await database.close()

        return asyncio.run(read())

    def batch(self, numbers: list[str]) -> Path:
        path = self.folder / "batch.csv"
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["order"])
            writer.writerows([number] for number in numbers)
        return path


@pytest.fixture
def site(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Site]:
    """``request.param``: how many orders the sandboxes hold (30 by default)."""
    orders = getattr(request, "param", 30)
    with staged(tmp_path / "acme", "en", demonstration(), str(orders)) as stage:
        yield Site(stage)
