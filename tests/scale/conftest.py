"""Both stores, opened anew for each test; the server is one for the session."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tandem.store.database import Database
from tandem.store.opening import open_database
from tests.postgres import Server, binaries, running_server

_numbers = itertools.count(1)
OpenDatabase = Callable[[], Database]


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    programs = binaries()
    assert programs is not None, "no PostgreSQL here: apt-get install -y postgresql"
    with running_server(programs) as running:
        yield running


@pytest.fixture
def database_url(server: Server) -> str:
    return server.create(f"tandem{next(_numbers)}")


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Database]:
    store = tmp_path / "tandem.db" if request.param == "sqlite" else request.getfixturevalue("database_url")
    opened = open_database(store)
    yield opened
    await opened.close()


@pytest.fixture
async def shared(database_url: str) -> AsyncIterator[tuple[Database, Database]]:
    """Two processes' views of one PostgreSQL store."""
    first, second = open_database(database_url), open_database(database_url)
    yield first, second
    await first.close()
    await second.close()
