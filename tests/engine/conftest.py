"""The real engine on a real store, over a vendor whose books and failures a test holds in its hand."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tandem.engine.engine import Engine
from tandem.store.database import Database
from tandem.store.opening import open_database
from tests.engine.vendor import HandHeldClock, Office, engine_on


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(tmp_path / "tandem.db")
    yield database
    await database.close()


@pytest.fixture
def clock() -> HandHeldClock:
    return HandHeldClock()


@pytest.fixture
def office(clock: HandHeldClock) -> Office:
    return Office(clock)


@pytest.fixture
def engine(database: Database, office: Office, clock: HandHeldClock) -> Engine:
    return engine_on(database, office, clock)
