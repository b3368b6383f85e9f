"""A worker that judges others by their silence: not after an outage that kept everybody silent."""

import asyncio
from datetime import UTC, datetime

import pytest
from sqlalchemy import Connection, delete

from tandem.engine.presence import Presence
from tandem.errors import StoreError
from tandem.store import workers
from tandem.store.database import Database
from tandem.store.schema import duties
from tandem.store.workers import Worker

ME = Worker("a", "a:1", None, 1)


class HeldUp:
    """A clock on which each sleep takes so much longer than asked, as when the store does not answer meanwhile.

    Whoever sleeps lets the others do what they can; with the delays used up, it is cancelled.
    """

    def __init__(self, *delays_s: float, chores_take_s: float = 60.0) -> None:
        self._now_s, self._delays_s, self._chores_take_s = 0.0, list(delays_s), chores_take_s

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        if others := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(others, timeout=self._chores_take_s)
        if not self._delays_s:
            raise asyncio.CancelledError
        self._now_s += seconds + self._delays_s.pop(0)


@pytest.mark.parametrize(("held_up_s", "after"), [(0.0, True), (2.5, True), (3.5, False)])
async def test_others_are_judged_once_nobody_was_kept_silent_for_long(
    database: Database, held_up_s: float, after: bool
) -> None:
    told = []

    async def do_duty(is_steady: bool) -> None:
        told.append(is_steady)
        await database.write(lambda connection: connection.execute(delete(duties)).rowcount)

    clock = HeldUp(0, 0, 0, 0, held_up_s, 0, 0, 0, 0)
    presence = Presence(database, ME, duty="sweep", do_duty=do_duty, clock=clock)
    await presence.begin()
    with pytest.raises(asyncio.CancelledError):
        await presence.keep()
    assert told == [False, False, False, True, after, after, after, after, True]


async def test_duty_that_takes_long_keeps_no_beat_back(database: Database) -> None:
    begun = []

    async def for_ever(_: bool) -> None:
        begun.append(await database.read(seen_at))
        await asyncio.Event().wait()

    clock = HeldUp(0, 0, 0, 0, chores_take_s=1.0)
    presence = Presence(database, ME, duty="sweep", do_duty=for_ever, clock=clock)
    await presence.begin()
    with pytest.raises(asyncio.CancelledError):
        await presence.keep()
    assert len(begun) == 1
    assert await database.read(seen_at) > begun[0]


async def test_duty_that_fails_ends_the_worker(database: Database) -> None:
    async def fail(_: bool) -> None:
        raise StoreError("The store cannot be used.")

    presence = Presence(database, ME, duty="sweep", do_duty=fail, clock=HeldUp(0, 0, 0))
    await presence.begin()
    with pytest.raises(StoreError, match="cannot be used"):
        await presence.keep()


def seen_at(connection: Connection) -> datetime:
    (row,) = workers.list_all(connection)
    return row.seen_at
