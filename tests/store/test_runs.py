"""Taking one run by its id: for a dispatcher that was told whose worker is dead."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tandem.store import journal, runs
from tandem.store.database import Database
from tandem.store.journal import Entry
from tandem.store.opening import open_database
from tandem.store.runs import NewRun

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    database = open_database(tmp_path / "tandem.db")
    await database.write(lambda connection: runs.add(connection, [_new("a", "key"), _new("b", "key")], NOW))
    yield database
    await database.close()


def _new(run_id: str, key: str) -> NewRun:
    return NewRun(run_id, "bot", key, run_id, {})


async def take(database: Database, run_id: str, now: datetime = NOW) -> runs.RunRow | None:
    return await database.write(lambda connection: runs.take(connection, run_id, now))


async def test_taking_over_a_run_fences_the_worker_that_had_it(database: Database) -> None:
    first, second = await take(database, "a"), await take(database, "a")
    assert first is not None
    assert second is not None
    assert second.epoch == first.epoch + 1
    entry = Entry("a", 1, "step", "value", NOW, {"value": 1})
    assert not await database.write(lambda connection: journal.append(connection, entry, first.epoch))
    assert await database.write(lambda connection: journal.append(connection, entry, second.epoch))


async def test_run_lets_an_earlier_one_of_its_business_key_go_first(database: Database) -> None:
    assert await take(database, "b") is None
    row = await take(database, "a")
    assert row is not None
    await database.write(runs.finishing("a", row.epoch, outcome="done", result=None, at=NOW, keep_dedupe_key=True))
    assert await take(database, "a") is None
    assert await take(database, "b") is not None


async def test_waiting_run_is_taken_only_when_it_is_due(database: Database) -> None:
    row = await take(database, "a")
    assert row is not None
    due = NOW + timedelta(hours=1)
    await database.write(lambda connection: runs.wait(connection, "a", row.epoch, wake_at=due))
    assert await take(database, "a") is None
    assert await take(database, "a", due) is not None


async def test_later_run_with_the_smaller_id_waits_for_the_one_that_has_begun(database: Database) -> None:
    """A wall clock that was put back gives the later run the smaller id."""
    await database.write(lambda connection: runs.add(connection, [_new("m", "other")], NOW))
    row = await take(database, "m")
    assert row is not None
    await database.write(lambda connection: runs.wait(connection, "m", row.epoch, wake_at=NOW))
    await database.write(lambda connection: runs.add(connection, [_new("c", "other")], NOW))
    claimed = await database.write(lambda connection: runs.claim(connection, 9, NOW))
    assert [row.id for row in claimed] == ["a", "m"]


async def test_run_of_a_dead_worker_is_taken_over_though_a_smaller_id_is_ready(database: Database) -> None:
    await database.write(lambda connection: runs.add(connection, [_new("m", "other")], NOW))
    assert await take(database, "m") is not None
    await database.write(lambda connection: runs.add(connection, [_new("c", "other")], NOW))
    assert await take(database, "m") is not None
