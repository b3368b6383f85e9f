"""What a test has measured, told at the end of the run, in whichever process the test ran; real servers for tests."""

import gc
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from itertools import chain, count, groupby, zip_longest
from pathlib import Path

import pytest

from tandem.errors import PackagesMissing
from tandem.store.database import Database
from tandem.store.opening import open_database
from tandem.workspace.real.server import Standing
from tests import real_servers
from tests.postgres import Server, binaries, running_server

_numbers = count(1)
_TOLD = "told"
_INSTALLATION_S = 900.0
"""Beside its own time, the first test on a real server may wait so long for its installation."""


@pytest.fixture(scope="module", autouse=True)
def collected() -> Iterator[None]:
    """What a file leaves open fails that file, not a later one in which it happens to be collected."""
    yield
    gc.collect()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What may take longest goes first, so that no process is left alone with it at the end.

    Files on real servers, which ask for the CPU, alternate with the others, which mostly wait.
    """
    for item in filter(_needs_real_server, items):
        item.add_marker(pytest.mark.timeout(_limit_s(config, item) + _INSTALLATION_S), append=False)
    files = [list(those) for _, those in groupby(items, key=lambda item: item.path)]
    files.sort(key=lambda those: -max(_limit_s(config, item) for item in those))
    real = [those for those in files if any(map(_needs_real_server, those))]
    others = [those for those in files if those not in real]
    items[:] = chain.from_iterable(chain.from_iterable(zip_longest(others, real, fillvalue=[])))


def _needs_real_server(item: pytest.Item) -> bool:
    return "real_server" in getattr(item, "fixturenames", ())


def _limit_s(config: pytest.Config, item: pytest.Item) -> float:
    marker = item.get_closest_marker("timeout")
    return float(marker.args[0] if marker else config.getini("timeout"))


@pytest.fixture(scope="session", autouse=True)
def installing(request: pytest.FixtureRequest) -> Iterator[None]:
    """Of several processes the first has the real servers installed before anybody waits for them."""
    if os.environ.get("PYTEST_XDIST_WORKER") != "gw0" or not any(map(_needs_real_server, request.session.items)):
        yield
        return
    with subprocess.Popen([sys.executable, "-m", "tests.install"], cwd=request.config.rootpath):
        yield


@pytest.fixture
def tell(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a line for the end of the run."""
    return lambda line: record_property(_TOLD, line)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    lines = list(_told(terminalreporter.getreports("passed") + terminalreporter.getreports("failed")))
    if lines:
        terminalreporter.section("measured")
        terminalreporter.write("".join(f"{line}\n" for line in lines))


def _told(reports: Iterable[pytest.TestReport]) -> Iterable[str]:
    for report in reports:
        for name, line in report.user_properties if report.when == "call" else ():
            if name == _TOLD:
                yield f"{report.nodeid.rpartition('::')[2]}: {line}"


@pytest.fixture(scope="session")
def real_server() -> Iterator[Callable[[str, str], Standing]]:
    """Brings a vendor's server up with fresh books of these orders, once in this process; skips where it cannot be."""
    running: dict[str, Standing] = {}

    def serve(vendor: str, orders: str) -> Standing:
        if vendor not in running:
            try:
                running[vendor] = real_servers.up(vendor, orders)
            except PackagesMissing as missing:
                pytest.skip(str(missing))
        return running[vendor]

    yield serve
    for vendor in running:
        real_servers.down(vendor)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """A server of ours, for this process."""
    programs = binaries()
    assert programs is not None, "no PostgreSQL here: apt-get install -y postgresql"
    with running_server(programs) as running:
        yield running


@pytest.fixture
def database_url(postgresql: Server) -> str:
    """A new database on it."""
    return postgresql.create(f"tandem{next(_numbers)}")


@pytest.fixture
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path | str]:
    """Where a store of a kind, ``sqlite`` or ``postgresql``, can be made: a file, or a new database of the server."""
    return lambda kind: tmp_path / "tandem.db" if kind == "sqlite" else request.getfixturevalue("database_url")


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, new_store: Callable[[str], Path | str]) -> AsyncIterator[Database]:
    """Each kind of store, opened."""
    opened = open_database(new_store(request.param))
    yield opened
    await opened.close()
