"""Firings on the store: each instant once, whoever fires it, whatever was missed, whatever is still under way."""

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, func, select

from tandem.engine.engine import Engine, Starting
from tandem.engine.settlement import Settlement
from tandem.errors import TandemError, Throttled, Unavailable, UsageError
from tandem.store import firings, runs, tickets
from tandem.store.schema import firings as table
from tandem.store.tickets import Ticket
from tandem.triggers.outage import Outage
from tandem.triggers.rule import Cron, Every, Rule
from tandem.triggers.schedule import Schedule
from tandem.triggers.scheduler import Scheduler
from tests.engine.vendor import HandHeldClock
from tests.triggers.conftest import BOTH_STORES, Feed, MakeEngine

pytestmark = BOTH_STORES

UTC_ZONE = ZoneInfo("UTC")
HOURLY = Schedule("hourly", "order", Rule(Cron("0 * * * *", UTC_ZONE)), "0 * * * * UTC", [{"reference": "A{due_on}"}])
POLLING = Schedule("polling", "order", Rule(Every(timedelta(seconds=30), UTC_ZONE)), "every 30s UTC")
START = datetime(2026, 1, 1, tzinfo=UTC)


def at_hour(hour: int, minute: int = 0) -> datetime:
    return START + timedelta(hours=hour, minutes=minute)


async def noted(engine: Engine) -> list[tuple[datetime, str]]:
    query = select(table.c.due_at, table.c.outcome).order_by(table.c.due_at)
    return await engine.database.read(lambda connection: [tuple(row) for row in connection.execute(query)])


async def keys(engine: Engine) -> list[str]:
    rows = await engine.database.read(lambda connection: runs.list_newest(connection, 1000))
    return sorted(row.business_key for row in rows)


async def begun(engine: Engine, schedule: Schedule) -> Scheduler:
    """A scheduler that has seen its schedule for the first time, so that what follows is due."""
    scheduler = Scheduler(engine, schedule)
    await scheduler.look()
    return scheduler


async def test_schedule_seen_for_the_first_time_owes_nothing_of_the_past(engine: Engine) -> None:
    await begun(engine, HOURLY)
    assert await noted(engine) == []


async def test_firing_starts_its_items_with_the_day_it_is_due(engine: Engine, clock: HandHeldClock) -> None:
    scheduler = await begun(engine, HOURLY)
    clock.advance(3600)
    await scheduler.look()
    await scheduler.look()
    assert await noted(engine) == [(at_hour(1), "started")]
    assert await keys(engine) == ["order A2026-01-01"]


async def test_many_workers_fire_an_instant_once(make_engine: MakeEngine, clock: HandHeldClock) -> None:
    engines = [make_engine() for _ in range(4)]
    schedulers = [await begun(engine, HOURLY) for engine in engines]
    for _ in range(5):
        clock.advance(3600)
        await asyncio.gather(*(scheduler.look() for scheduler in schedulers for _ in range(3)))
        await engines[0].work()
    assert await noted(engines[0]) == [(at_hour(hour), "started") for hour in range(1, 6)]
    assert len(await keys(engines[0])) == 5


async def test_worker_with_a_fast_clock_fires_early_and_the_others_not_again(
    make_engine: MakeEngine, clock: HandHeldClock
) -> None:
    punctual = await begun(make_engine(), HOURLY)
    fast_engine = make_engine()
    fast_engine.clock = fast = HandHeldClock()
    fast.advance(3600)
    await Scheduler(fast_engine, HOURLY).look()
    clock.advance(3600)
    await punctual.look()
    assert await noted(fast_engine) == [(at_hour(1), "started")]
    assert len(await keys(fast_engine)) == 1


class Death(Exception):
    """The worker dies within the transaction."""


class DyingEngine(Engine):
    """An engine whose process dies when the claimed firing's runs are about to be made."""

    def starting(self, *args: object, **more: object) -> Starting:
        def die(connection: Connection) -> list[str]:
            raise Death

        return die


async def test_worker_that_dies_between_claim_and_start_leaves_the_firing_to_the_next(
    make_engine: MakeEngine, clock: HandHeldClock
) -> None:
    dying, healthy = make_engine(DyingEngine), make_engine()
    await begun(dying, HOURLY)
    clock.advance(3600)
    with pytest.raises(Death):
        await Scheduler(dying, HOURLY).look()
    assert await noted(healthy) == []
    await Scheduler(healthy, HOURLY).look()
    assert await noted(healthy) == [(at_hour(1), "started")]
    assert len(await keys(healthy)) == 1


@pytest.mark.parametrize(
    ("changes", "fired", "outcomes"),
    [
        ({"misfire": "skip"}, 0, {5: "missed"}),
        ({"misfire": "run_once"}, 1, {5: "started"}),
        ({"misfire": "skip", "misfire_grace": timedelta(hours=9)}, 0, {5: "missed"}),
        ({"misfire": "run_all"}, 5, dict.fromkeys(range(1, 6), "started")),
        ({"misfire": "run_all", "misfire_limit": 2}, 2, {3: "missed", 4: "started", 5: "started"}),
        ({"misfire": "run_all", "misfire_grace": timedelta(hours=2)}, 2, {3: "missed", 4: "started", 5: "started"}),
        ({"misfire": "run_once", "misfire_grace": timedelta(minutes=10)}, 0, {5: "missed"}),
    ],
)
async def test_firings_missed_in_a_downtime_are_treated_by_the_policy(
    changes: dict[str, object], fired: int, outcomes: dict[int, str], engine: Engine, clock: HandHeldClock
) -> None:
    schedule = replace(HOURLY, items=[{"reference": "A"}], **changes)  # type: ignore[arg-type]
    scheduler = await begun(engine, schedule)
    clock.advance(5 * 3600 + 1800)
    await scheduler.look()
    await scheduler.look()
    assert await noted(engine) == [(at_hour(hour), outcome) for hour, outcome in outcomes.items()]
    assert list(outcomes.values()).count("started") == fired
    clock.advance(1800)
    await engine.work()
    await scheduler.look()
    assert (await noted(engine))[-1] == (at_hour(6), "started")


async def test_punctual_firing_is_no_misfire(engine: Engine, clock: HandHeldClock) -> None:
    scheduler = await begun(engine, replace(HOURLY, misfire="skip"))
    clock.advance(3600 + 59)
    await scheduler.look()
    assert await noted(engine) == [(at_hour(1), "started")]


async def test_firing_is_left_out_while_runs_of_the_last_one_are_under_way(
    engine: Engine, clock: HandHeldClock
) -> None:
    scheduler = await begun(engine, HOURLY)
    for _ in range(2):
        clock.advance(3600)
        await scheduler.look()
    await engine.work()
    clock.advance(3600)
    await scheduler.look()
    assert [outcome for _, outcome in await noted(engine)] == ["started", "skipped", "started"]


async def test_queued_firing_starts_when_the_last_one_has_ended(engine: Engine, clock: HandHeldClock) -> None:
    scheduler = await begun(engine, replace(HOURLY, overlap="queue"))
    for _ in range(3):
        clock.advance(3600)
        await scheduler.look()
    assert [outcome for _, outcome in await noted(engine)] == ["started", "queued", "skipped"]
    await engine.work()
    clock.advance(60)
    await scheduler.look()
    assert [outcome for _, outcome in await noted(engine)] == ["started", "started", "skipped"]
    assert len(await keys(engine)) == 2


async def test_run_that_waits_for_a_person_does_not_hold_the_schedule_up(engine: Engine, clock: HandHeldClock) -> None:
    scheduler = await begun(engine, HOURLY)
    clock.advance(3600)
    await scheduler.look()

    def wait(connection: Connection) -> None:
        (row,) = runs.claim(connection, 1, clock.now())
        runs.wait(connection, row.id, row.epoch, ticket_id=1)

    await engine.database.write(wait)
    clock.advance(3600)
    await scheduler.look()
    assert [outcome for _, outcome in await noted(engine)] == ["started", "started"]


async def test_poll_moves_the_watermark_with_the_firing_or_not_at_all(
    engine: Engine, clock: HandHeldClock, feed: Feed
) -> None:
    scheduler = await begun(engine, POLLING)
    feed.changes = [(clock.now(), "A"), (clock.now(), "B")]
    feed.failures = [Unavailable("The CRM is being maintained.")]
    clock.advance(30)
    with pytest.raises(Unavailable):
        await scheduler.look()
    assert await noted(engine) == []
    await scheduler.look()
    assert [outcome for _, outcome in await noted(engine)] == ["started"]
    assert await keys(engine) == ["order A", "order B"]


async def test_change_that_is_polled_again_starts_nothing(engine: Engine, clock: HandHeldClock, feed: Feed) -> None:
    scheduler = await begun(engine, POLLING)
    feed.changes = [(clock.now(), "A")]
    for _ in range(3):
        clock.advance(30)
        await scheduler.look()
        await engine.work()
    assert [outcome for _, outcome in await noted(engine)] == ["started", "nothing", "nothing"]
    feed.changes.append((clock.now(), "A"))
    clock.advance(30)
    await scheduler.look()
    assert await keys(engine) == ["order A", "order A"]


async def test_one_worker_asks_the_vendor_for_all(make_engine: MakeEngine, clock: HandHeldClock, feed: Feed) -> None:
    schedulers = [await begun(make_engine(), POLLING) for _ in range(4)]
    for _ in range(3):
        clock.advance(30)
        await asyncio.gather(*(scheduler.look() for scheduler in schedulers))
    assert feed.polls == 3


async def test_others_ask_when_the_one_that_did_is_dead(
    make_engine: MakeEngine, clock: HandHeldClock, feed: Feed
) -> None:
    dead, other = [await begun(make_engine(), POLLING) for _ in range(2)]
    clock.advance(30)
    feed.failures = [Unavailable("The worker dies here.")]
    with pytest.raises(Unavailable):
        await dead.look()
    await other.look()
    assert feed.polls == 1
    clock.advance(31)
    await other.look()
    assert feed.polls == 2


async def test_firing_by_hand_starts_at_once_but_not_beside_the_last_one(engine: Engine, clock: HandHeldClock) -> None:
    scheduler = await begun(engine, HOURLY)
    clock.advance(60)
    assert len(await scheduler.fire_now()) == 1
    with pytest.raises(UsageError, match="not fired"):
        await scheduler.fire_now()
    await engine.work()
    clock.advance(3540)
    await scheduler.look()
    assert await noted(engine) == [(at_hour(0, 1), "started"), (at_hour(1), "started")]


async def test_changed_rule_owes_nothing_of_the_time_before_it(engine: Engine, clock: HandHeldClock) -> None:
    await begun(engine, HOURLY)
    clock.advance(10 * 3600 + 60)
    quarterly = replace(HOURLY, rule=Rule(Cron("*/15 * * * *", UTC_ZONE)), when="*/15 * * * * UTC")
    scheduler = await begun(engine, quarterly)
    assert await noted(engine) == []
    clock.advance(15 * 60)
    await scheduler.look()
    assert await noted(engine) == [(at_hour(10, 15), "started")]


async def test_pruning_keeps_where_each_schedule_goes_on(engine: Engine, clock: HandHeldClock) -> None:
    scheduler = await begun(engine, HOURLY)
    for _ in range(5):
        clock.advance(3600)
        await scheduler.look()
        await engine.work()
    assert await engine.database.write(lambda connection: firings.prune(connection, clock.now() + timedelta(1))) == 4
    await scheduler.look()
    assert await noted(engine) == [(at_hour(5), "started")]
    linked = select(func.count()).select_from(firings.firing_runs)
    assert await engine.database.read(lambda connection: connection.execute(linked).scalar()) == 1


async def test_schedule_goes_on_after_failures_until_it_is_cancelled(make_engine: MakeEngine, feed: Feed) -> None:
    engine = make_engine()
    feed.failures = [Unavailable("The CRM is being maintained."), RuntimeError("a bot's own mistake")]
    feed.changes = [(START + timedelta(minutes=1), "A")]
    keeping = asyncio.create_task(Scheduler(engine, POLLING).keep())
    while await keys(engine) == []:
        assert not keeping.done()
        await asyncio.sleep(0.01)
    keeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await keeping
    assert feed.failures == []


async def open_tickets(engine: Engine) -> list[Ticket]:
    return await engine.database.read(lambda connection: tickets.list_newest(connection, 10))


async def test_schedule_that_fails_again_and_again_is_one_ticket_until_it_fires(
    engine: Engine, clock: HandHeldClock, feed: Feed
) -> None:
    scheduler, outage = await begun(engine, POLLING), Outage(engine, POLLING)
    down, slow = Unavailable("{system} is being maintained.", system="crm"), Throttled("Wait.", retry_after_s=7)
    feed.failures = [down, down, down, slow, down, RuntimeError("a bot's own mistake")]
    for met in range(1, 7):
        clock.advance(30)
        with pytest.raises((TandemError, RuntimeError)) as failed:
            await scheduler.look()
        await outage.note(failed.value)
        assert [ticket.count for ticket in await open_tickets(engine)] == [[], [1], [2], [3]][max(0, met - 3)]

    (ticket,) = await open_tickets(engine)
    assert (ticket.kind, ticket.operation, ticket.reference) == ("schedule_failed", "order", "polling")
    assert TandemError.restored(ticket.error).code == "throttled"
    with pytest.raises(UsageError, match="tandem schedules fire polling"):
        await Settlement(engine, "clerk").retry(ticket.id)
    clock.advance(30)
    await scheduler.look()
    assert await open_tickets(engine) == []
    closed = await engine.database.read(lambda connection: tickets.find(connection, ticket.id))
    assert closed is not None
    assert (closed.status, closed.resolution) == ("resolved", "fired")


async def test_failures_with_a_success_between_them_open_no_ticket(engine: Engine) -> None:
    outage = Outage(engine, POLLING)
    for _ in range(2):
        pauses = [await outage.note(Unavailable("The CRM is being maintained.")) for _ in range(3)]
        outage.end()
        assert pauses == sorted(set(pauses))
    assert await open_tickets(engine) == []
