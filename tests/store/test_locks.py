"""Locks: first come, first served; shared beside shared; kept by the run, whatever becomes of its worker."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import pytest
from sqlalchemy import Connection

from tandem.store import locks, runs
from tandem.store.database import Database
from tandem.store.locks import Place
from tandem.store.runs import NewRun, RunRow

NOW = datetime(2026, 1, 1, tzinfo=UTC)
T = TypeVar("T")


class Runs:
    """Three runs under way: a, b and c."""

    def __init__(self, database: Database) -> None:
        self.database = database

    async def do(self, work: Callable[[Connection], T]) -> T:
        return await self.database.write(work)

    async def enter(self, run_id: str, *keys: str, shared: bool = False, epoch: int = 1) -> Place | None:
        return await self.do(lambda connection: locks.enter(connection, run_id, epoch, keys, shared=shared))

    async def held(self, run_id: str, *keys: str, shared: bool = False) -> bool:
        place = await self.enter(run_id, *keys, shared=shared)
        assert place is not None
        return place.held

    async def suspend(self, run_id: str) -> None:
        def wait(connection: Connection) -> None:
            runs.wait(connection, run_id, 1, wake_at=NOW + timedelta(minutes=1))
            locks.await_turn(connection, run_id)

        await self.do(wait)

    async def leave(self, run_id: str, epoch: int = 1) -> int | None:
        return await self.do(lambda connection: locks.leave(connection, run_id, epoch))

    async def row(self, run_id: str) -> RunRow:
        row = await self.do(lambda connection: runs.find(connection, run_id))
        assert row is not None
        return row


@pytest.fixture
async def under_way(database: Database) -> Runs:
    new = [NewRun(run_id, "bot", run_id, run_id, {}) for run_id in "abc"]
    await database.write(lambda connection: runs.add(connection, new, NOW))
    await database.write(lambda connection: runs.claim(connection, 3, NOW))
    return Runs(database)


async def test_run_that_waits_is_ready_once_the_one_before_it_leaves(under_way: Runs) -> None:
    assert await under_way.held("a", "M1")
    assert not await under_way.held("b", "M1")
    await under_way.suspend("b")
    assert (await under_way.row("b")).status == "waiting"
    await under_way.leave("a")
    assert (await under_way.row("b")).status == "ready"
    assert await under_way.held("b", "M1")


async def test_run_that_missed_being_woken_does_not_wait(under_way: Runs) -> None:
    assert await under_way.held("a", "M1")
    assert not await under_way.held("b", "M1")
    await under_way.leave("a")
    await under_way.suspend("b")
    assert (await under_way.row("b")).status == "ready"


async def test_shared_locks_stand_beside_each_other_and_make_exclusive_ones_wait(under_way: Runs) -> None:
    assert await under_way.held("a", "M1", shared=True)
    assert await under_way.held("b", "M1", shared=True)
    assert not await under_way.held("c", "M1")
    await under_way.leave("a")
    assert not await under_way.held("c", "M1")
    await under_way.leave("b")
    assert await under_way.held("c", "M1")


async def test_shared_lock_does_not_overtake_an_exclusive_one_that_waits(under_way: Runs) -> None:
    assert await under_way.held("a", "M1", shared=True)
    assert not await under_way.held("b", "M1")
    assert not await under_way.held("c", "M1", shared=True)


async def test_runs_that_want_the_same_keys_in_another_order_do_not_wait_for_each_other(under_way: Runs) -> None:
    assert await under_way.held("a", "M1", "M2")
    assert not await under_way.held("b", "M2", "M3")
    assert not await under_way.held("c", "M3", "M1")
    await under_way.leave("a")
    assert await under_way.held("b", "M2", "M3")
    await under_way.leave("b")
    assert await under_way.held("c", "M3", "M1")


async def test_place_stays_the_same_until_it_is_given_up(under_way: Runs) -> None:
    first = await under_way.enter("a", "M1", "M2")
    assert await under_way.enter("a", "M2", "M1") == first
    await under_way.leave("a")
    again = await under_way.enter("a", "M1", "M2")
    assert first is not None
    assert again is not None
    assert again.number > first.number


async def test_lock_of_a_run_that_is_taken_over_is_not_given_up_by_its_former_worker(under_way: Runs) -> None:
    assert await under_way.held("a", "M1")
    await under_way.do(lambda connection: runs.take(connection, "a", NOW))
    assert await under_way.leave("a", epoch=1) is None
    assert await under_way.enter("a", "M1", epoch=1) is None
    assert not await under_way.held("b", "M1")
    assert await under_way.leave("a", epoch=2) == 1
    assert await under_way.held("b", "M1")
