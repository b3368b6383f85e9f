"""``kill -9`` of everything around a write: the vendor's server, the browser, the desktop client, its display."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from fixtures.retail import generate
from fixtures.sandbox.faults import FaultPlan
from fixtures.sap_s4hana.sandbox import build
from tandem.engine.engine import Engine
from tandem.engine.system import Rungs
from tandem.store.opening import open_database
from tests.faults.account import played
from tests.faults.cells import Cell, Strike, VendorKind
from tests.faults.site import API, BOT, Site, api_engine, one_order, opened, work
from tests.processes import is_chromium, kill
from tests.sap_pages import SapPages

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]
ROOT = Path(__file__).parents[2]
SETTLE_S = 20.0
"""Longer than the circuit breaker leaves a dead server alone."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[VendorKind, Site]]:
    async with opened(tmp_path_factory.mktemp("killed")) as sites:
        yield sites


PROCESSES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "chromium": ("browser", is_chromium),
    "desktop client": ("desktop", lambda command: "fixtures.sap_s4hana.desktop" in command),
    "xvfb": ("desktop", lambda command: command.startswith("Xvfb")),
}
MOMENTS = {
    "after the commit": Strike("killed at the commit", "late_answer", parameter="3", lasts_s=3.0),
    "before the commit": Strike("killed before the commit", "silent_late_commit", parameter="1.5", lasts_s=1.5),
    "at the form": Strike("killed at the form", "late_answer", at="view", parameter="3", lasts_s=3.0),
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "process",
    [pytest.param(name, marks=getattr(pytest.mark, ladder)) for name, (ladder, _) in PROCESSES.items()],
)
async def test_order_stands_once_when_what_types_it_is_killed(
    sites: dict[VendorKind, Site], process: str, moment: str
) -> None:
    ladder, fits = PROCESSES[process]
    site = sites["natural"]
    strike = MOMENTS[moment]
    cell = Cell(
        Strike(f"{process}, {strike.name}", strike.kind, strike.at, strike.parameter, lasts_s=strike.lasts_s),
        ladder,
        "natural",
    )
    playing = asyncio.create_task(played(site, cell))
    drawn = len(site.sap.faults.drawn)
    while len(site.sap.faults.drawn) == drawn and not playing.done():  # noqa: ASYNC110 - in another thread
        await asyncio.sleep(0.02)
    assert kill(fits)
    account = await playing
    assert (account.duplicates, account.lost, account.wrong) == (0, 0, 0), account
    assert account.created, account
    assert len(account.standing) == 1, account


class Server:
    """The vendor's server as a process, killed and started again on the same port and file."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "orders.jsonl"
        self._port = 0
        self.url = ""

    async def start(self, *rules: str) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "tests.faults.lasting_sandbox",
            str(self._file),
            str(self._port),
            *rules,
            stdout=-1,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        self.url = json.loads(await self._process.stdout.readline())["url"]
        self._port = int(self.url.rpartition(":")[2])

    async def kill(self) -> None:
        self._process.kill()
        await self._process.wait()

    async def struck(self) -> None:
        """Until a fault has struck."""
        async with httpx.AsyncClient(base_url=self.url) as http:
            while not (await http.get("/_sandbox/faults")).json()["drawn"]:  # noqa: ASYNC110 - in another process
                await asyncio.sleep(0.02)

    async def census(self) -> dict[str, object]:
        async with httpx.AsyncClient(base_url=self.url) as http:
            found: dict[str, object] = (await http.get("/_sandbox/census")).json()
            return found


def engine_at(server: Server, folder: Path) -> AbstractAsyncContextManager[Engine]:
    rungs = Rungs(("api",), SETTLE_S, late_s=0.5, look_first=True)
    return api_engine(server.url, open_database(folder / "tandem.db"), one_order, dict.fromkeys(API, rungs))


@pytest.mark.slow
@pytest.mark.parametrize(
    "rule",
    ["silent_late_commit:sales_order.create:x1:60", "late_answer:sales_order.create:x1:60"],
    ids=["before the commit", "after the commit"],
)
async def test_order_stands_once_when_the_vendors_server_is_killed_and_comes_back(tmp_path: Path, rule: str) -> None:
    order = SapPages(build(generate(20, 1), FaultPlan()).state.books, FaultPlan(), None, "").order("KILLED")  # type: ignore[arg-type]
    server = Server(tmp_path)
    await server.start(rule)
    async with engine_at(server, tmp_path) as engine:
        await engine.start(BOT, [work(order)])
        working = asyncio.create_task(engine.work(patience_s=30.0))
        await server.struck()
        await server.kill()
        await server.start()
        tally = await working
    census = await server.census()
    await server.kill()
    assert tally.finished == {"created": 1}
    assert (census["sales_orders"], census["duplicates"]) == (1, {})
