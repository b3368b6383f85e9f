"""The same words mean the same on both stores."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection

from tandem.errors import Unreachable
from tandem.store import audit, journal, runs, tickets, watermarks, workers
from tandem.store.database import Database
from tandem.store.journal import Entry
from tandem.store.runs import NewRun, Scope
from tandem.store.tickets import Fault, TicketRun
from tandem.store.workers import Worker

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def new(run_id: str, key: str | None = None, **more: str) -> NewRun:
    return NewRun(run_id, "bot", key or run_id, f"dedupe {run_id}", {"客户": "订单 \u0000"}, **more)  # type: ignore[arg-type]


def adding(*some: NewRun) -> Callable[[Connection], list[str]]:
    return lambda connection: runs.add(connection, some, NOW)


def claiming(limit: int = 10, now: datetime = NOW, **scope: object) -> Callable[[Connection], list[str]]:
    return lambda connection: [row.id for row in runs.claim(connection, limit, now, Scope(**scope))]  # type: ignore[arg-type]


def fault(reference: str) -> Fault:
    return Fault(
        "channels_exhausted", "erp", "stock.check", "api", reference, Unreachable("Down.").recorded(), fold=True
    )


async def test_run_comes_back_as_it_was_given(database: Database) -> None:
    await database.write(adding(new("a")))
    row = await database.read(lambda connection: runs.find(connection, "a"))
    assert row is not None
    assert (row.input, row.created_at, row.status, row.epoch, row.queue) == (
        {"客户": "订单 \u0000"},
        NOW,
        "ready",
        0,
        "api",
    )


async def test_twins_are_one_run_also_within_one_call(database: Database) -> None:
    assert await database.write(adding(new("a"))) == ["a"]
    twin = NewRun("b", "bot", "a", "dedupe a", {})
    other = NewRun("c", "bot", "c", "dedupe c", {})
    again = NewRun("d", "bot", "c", "dedupe c", {})
    assert await database.write(adding(twin, other, again)) == ["a", "c", "c"]


async def test_runs_of_one_business_key_are_claimed_one_at_a_time_oldest_first(database: Database) -> None:
    await database.write(adding(new("b", "key"), new("a", "key"), new("c", "other")))
    assert await database.write(claiming()) == ["a", "c"]
    assert await database.write(claiming()) == []
    assert await database.write(runs.finishing("a", 1, outcome="x", result=None, at=NOW, keep_dedupe_key=True))
    assert await database.write(claiming()) == ["b"]


async def test_run_that_has_begun_is_claimed_before_one_of_its_key_that_has_not(database: Database) -> None:
    await database.write(adding(new("b", "key"), new("d", "key")))
    assert await database.write(claiming()) == ["b"]
    assert await database.write(lambda connection: runs.hand_over(connection, "b", 1))
    await database.write(adding(new("a", "key"), new("c", "key")))
    assert await database.write(claiming()) == ["b"]
    assert await database.write(runs.finishing("b", 2, outcome="x", result=None, at=NOW, keep_dedupe_key=True))
    assert await database.write(claiming()) == ["a"]


async def test_worker_claims_from_its_queues_only(database: Database) -> None:
    await database.write(adding(new("a", queue="browser"), new("b"), new("c", queue="desktop:gui")))
    assert await database.write(claiming(queues=("api", "browser"))) == ["a", "b"]
    assert await database.write(claiming()) == ["c"]


async def test_run_that_is_handed_over_waits_in_the_other_queue(database: Database) -> None:
    await database.write(adding(new("a")))
    await database.write(claiming())
    assert await database.write(lambda connection: runs.hand_over(connection, "a", 1, "browser"))
    assert await database.write(claiming(queues=("api",))) == []
    assert await database.write(claiming(queues=("browser",))) == ["a"]
    assert not await database.write(lambda connection: runs.hand_over(connection, "a", 1, "api"))


async def test_waiting_run_is_claimed_when_it_is_due(database: Database) -> None:
    await database.write(adding(new("a")))
    await database.write(claiming())
    assert await database.write(lambda connection: runs.wait(connection, "a", 1, wake_at=LATER))
    assert await database.write(claiming()) == []
    assert await database.read(runs.next_wake_at) == LATER
    assert await database.write(claiming(now=LATER)) == ["a"]


async def test_fenced_worker_can_neither_append_nor_wait_nor_finish(database: Database) -> None:
    await database.write(adding(new("a")))
    first = await database.write(lambda connection: runs.take(connection, "a", NOW))
    second = await database.write(lambda connection: runs.take(connection, "a", NOW))
    assert first is not None
    assert second is not None
    entry = Entry("a", 1, "step", "value", NOW, {"value": "值"})
    assert not await database.write(lambda connection: journal.append(connection, entry, first.epoch))
    assert not await database.write(lambda connection: runs.wait(connection, "a", first.epoch))
    assert not await database.write(
        runs.finishing("a", first.epoch, outcome="x", result=None, at=NOW, keep_dedupe_key=True)
    )
    assert await database.write(lambda connection: journal.append(connection, entry, second.epoch))
    assert await database.read(lambda connection: journal.load(connection, "a")) == [entry]


async def test_worker_that_looks_dead_itself_judges_nobody(database: Database) -> None:
    """As everybody does when a store comes back that was away for long."""
    judge = Worker("w1", "host:1", None, 4)
    await database.write(adding(new("a")))
    await database.write(lambda connection: runs.take(connection, "a", NOW, "w2"))
    assert await database.write(lambda connection: runs.recover(connection, judge.id)) == 0
    await database.write(lambda connection: workers.beat(connection, judge))
    assert await database.write(lambda connection: runs.recover(connection, judge.id)) == 1


async def test_runs_of_a_living_worker_are_left_to_it_and_those_of_a_gone_one_recovered(database: Database) -> None:
    alive = Worker("w1", "host:1", ("api",), 4)
    await database.write(adding(new("a"), new("b")))
    await database.write(lambda connection: workers.beat(connection, alive))
    await database.write(lambda connection: runs.take(connection, "a", NOW, "w1"))
    await database.write(lambda connection: runs.take(connection, "b", NOW, "w2"))
    assert await database.write(lambda connection: runs.take(connection, "a", NOW, "w3")) is None
    assert await database.write(runs.recover) == 1
    stand = {row.id: (row.status, row.epoch) for row in await database.read(lambda books: runs.list_newest(books, 9))}
    assert stand == {"a": ("running", 1), "b": ("ready", 2)}
    await database.write(lambda connection: workers.leave(connection, "w1"))
    assert await database.write(runs.recover) == 1


async def test_worker_is_listed_with_its_queues_and_runs_in_hand(database: Database) -> None:
    await database.write(lambda connection: workers.beat(connection, Worker("w1", "host:1", ("api", "browser"), 4)))
    await database.write(lambda connection: workers.beat(connection, Worker("w2", "host:2", None, 1)))
    await database.write(adding(new("a")))
    await database.write(lambda connection: runs.claim(connection, 1, NOW, worker="w1"))
    listed = await database.read(workers.list_all)
    assert [(row.name, row.queues, row.in_hand, row.alive) for row in listed] == [
        ("host:1", ("api", "browser"), 1, True),
        ("host:2", None, 0, True),
    ]


async def test_duty_is_given_to_one(database: Database) -> None:
    def taken(for_s: float) -> Callable[[Connection], bool]:
        return lambda connection: workers.take_duty(connection, "sweep", for_s)

    assert [await database.write(taken(3600)) for _ in range(3)] == [True, False, False]
    assert await database.write(lambda connection: workers.take_duty(connection, "other", 0))
    assert await database.write(lambda connection: workers.take_duty(connection, "other", 0))


async def test_same_fault_folds_into_one_ticket_until_it_is_resolved(database: Database) -> None:
    def open_ticket(run_id: str) -> Callable[[Connection], tuple[int, bool]]:
        return lambda connection: tickets.open_or_fold(
            connection, fault(run_id), TicketRun(run_id, "s", True, None), NOW
        )

    (number, first), (same, second) = await database.write(open_ticket("a")), await database.write(open_ticket("b"))
    assert (first, second, same) == (True, False, number)
    await database.write(lambda connection: tickets.resolve(connection, number, "done", NOW))
    other, is_new = await database.write(open_ticket("a"))
    assert (other, is_new) == (number + 1, True)
    ticket = await database.read(lambda connection: tickets.find(connection, number))
    assert ticket is not None
    assert (ticket.count, [link.run_id for link in ticket.runs]) == (2, ["a", "b"])


async def test_watermark_and_audit_keep_what_was_written_last(database: Database) -> None:
    for value in (NOW, LATER):
        await database.write(lambda connection, value=value: watermarks.save(connection, "bot", "crm", value))
    assert await database.read(lambda connection: watermarks.load(connection, "bot", "crm")) == LATER
    await database.write(
        lambda connection: audit.record(connection, at=NOW, actor="王", action="a", subject="s", detail={"x": "y"})
    )
    assert (await database.read(lambda connection: audit.list_newest(connection, 1)))[0]["actor"] == "王"


async def test_failing_work_fails_alone_in_its_group(database: Database) -> None:
    def broken(connection: Connection) -> None:
        runs.add(connection, [new("never")], NOW)
        raise ZeroDivisionError

    results = await asyncio.gather(
        database.write(adding(new("a"))),
        database.write(broken),
        database.write(adding(new("b"))),
        return_exceptions=True,
    )
    assert isinstance(results[1], ZeroDivisionError)
    assert [row.id for row in await database.read(lambda connection: runs.list_newest(connection, 9))] == ["b", "a"]


@pytest.mark.parametrize("count", [1, 700])
async def test_version_of_a_document_is_claimed_once(database: Database, count: int) -> None:
    await database.write(adding(*(new(f"r{number:04}") for number in range(count + 1))))
    holders = await asyncio.gather(
        *(
            database.write(lambda connection, n=number: runs.claim_version(connection, f"r{n:04}", "bot|v1"))
            for number in range(count + 1)
        )
    )
    assert holders.count(None) == 1


async def test_run_that_has_ended_neither_waits_nor_goes_on_elsewhere(database: Database) -> None:
    await database.write(adding(new("a")))
    assert await database.write(claiming()) == ["a"]
    end = runs.finishing("a", 1, outcome="created", result={}, at=NOW, keep_dedupe_key=True)
    assert await database.write(end)
    assert not await database.write(lambda connection: runs.hand_over(connection, "a", 1))
    assert not await database.write(lambda connection: runs.wait(connection, "a", 1))
    assert not await database.write(end)
    row = await database.read(lambda connection: runs.find(connection, "a"))
    assert row is not None
    assert (row.status, row.outcome) == ("finished", "created")


async def test_left_over_are_runs_that_are_ready_or_wait_for_a_time(database: Database) -> None:
    await database.write(adding(*(new(name) for name in ("asks", "ended", "later", "ready", "under way"))))
    assert len(await database.write(claiming(only=("asks", "ended", "later", "under way")))) == 4
    await database.write(lambda connection: runs.wait(connection, "asks", 1, ticket_id=7))
    await database.write(lambda connection: runs.wait(connection, "later", 1, wake_at=NOW))
    await database.write(runs.finishing("ended", 1, outcome="x", result={}, at=NOW, keep_dedupe_key=True))
    left = await database.read(lambda connection: runs.left_over(connection, "bot"))
    assert [row.id for row in left] == ["later", "ready"]
