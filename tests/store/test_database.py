"""The one writer: a cancelled caller, a failing neighbour and a full disk must not take the others down."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from tandem.errors import StoreError
from tandem.store import runs
from tandem.store.opening import open_database

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def adding(number: int) -> Callable[[Connection], list[str]]:
    new = runs.NewRun(f"run{number}", "bot", f"key{number}", f"dedupe{number}", {"text": "x" * 2000})
    return lambda connection: runs.add(connection, [new], NOW)


async def test_cancelled_caller_leaves_the_writer_at_work(tmp_path: Path) -> None:
    database = open_database(tmp_path / "tandem.db")
    waiting = [asyncio.create_task(database.write(adding(number))) for number in range(20)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    await asyncio.wait_for(database.write(adding(99)), timeout=10)
    assert len(await database.read(lambda connection: runs.list_newest(connection, 100))) == 21
    await database.close()


async def test_failing_work_fails_alone(tmp_path: Path) -> None:
    database = open_database(tmp_path / "tandem.db")

    def broken(_: Connection) -> None:
        raise ZeroDivisionError

    results = await asyncio.gather(
        database.write(adding(1)), database.write(broken), database.write(adding(2)), return_exceptions=True
    )
    assert isinstance(results[1], ZeroDivisionError)
    assert len(await database.read(lambda connection: runs.list_newest(connection, 10))) == 2
    await database.close()


async def test_full_disk_is_one_sentence_and_loses_nothing(tmp_path: Path) -> None:
    database = open_database(tmp_path / "tandem.db")
    await database.write(adding(1))
    await database.write(lambda connection: connection.execute(text("PRAGMA max_page_count = 1")))
    with pytest.raises(StoreError, match=r"database or disk is full.*free space"):
        await asyncio.wait_for(database.write(lambda connection: [adding(n)(connection) for n in range(50, 99)]), 10)
    assert [row.id for row in await database.read(lambda connection: runs.list_newest(connection, 10))] == ["run1"]
    await database.close()


async def test_write_after_the_end_is_refused_instead_of_waiting_for_ever(tmp_path: Path) -> None:
    database = open_database(tmp_path / "tandem.db")
    await database.close()
    with pytest.raises(StoreError, match="has been closed"):
        await asyncio.wait_for(database.write(adding(1)), timeout=5)
