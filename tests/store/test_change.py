"""Changes carried out together: one that is fenced takes none of its neighbours down, and none slips through."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection

from tandem.store import journal, runs
from tandem.store.change import PartlyFenced, carry_out
from tandem.store.database import Database
from tandem.store.journal import Entry
from tandem.store.opening import open_database
from tandem.store.runs import NewRun

NOW = datetime(2026, 1, 1, tzinfo=UTC)
RUNS = ("a", "b", "c")


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return open_database(tmp_path / "tandem.db")


async def begin(database: Database) -> None:
    new = [NewRun(name, "bot", name, name, {}) for name in RUNS]
    await database.write(lambda connection: runs.add(connection, new, NOW))
    await database.write(lambda connection: runs.claim(connection, len(RUNS), NOW))


def entry(run_id: str) -> Entry:
    return Entry(run_id, 1, "step", "value", NOW, {"value": 1})


async def kept(database: Database) -> list[str]:
    def load(connection: Connection) -> list[str]:
        return [name for name in RUNS if journal.load(connection, name)]

    return await database.read(load)


async def test_fenced_change_is_refused_and_its_neighbours_are_kept(database: Database) -> None:
    await begin(database)
    epochs = {"a": 1, "b": 0, "c": 1}
    futures = [database.enqueue(journal.appending(entry(name), epochs[name])) for name in RUNS]
    assert [await future for future in futures] == [True, False, True]
    assert await kept(database) == ["a", "c"]
    await database.close()


async def test_group_with_a_fenced_change_is_not_carried_out_together(database: Database) -> None:
    await begin(database)

    def together(connection: Connection) -> None:
        with pytest.raises(PartlyFenced):
            carry_out(connection, [journal.appending(entry("a"), 1), journal.appending(entry("b"), 0)])
        connection.rollback()

    await database.read(together)
    assert await kept(database) == []
    await database.close()


async def test_results_keep_the_order_of_changes_and_other_work(database: Database) -> None:
    await begin(database)
    end = runs.finishing("a", 1, outcome="done", result=None, at=NOW, keep_dedupe_key=True)
    works = [journal.appending(entry("a"), 1), end, journal.appending(entry("b"), 1), lambda _: "other", end]
    done = [True, True, True, "other", False]  # it has ended already
    assert await database.write(lambda connection: carry_out(connection, works)) == done
    row = await database.read(lambda connection: runs.find(connection, "a"))
    assert row is not None
    assert row.outcome == "done"
    await database.close()
