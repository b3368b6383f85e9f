"""Pruning, on both stores: what ended long ago goes, and nothing that an order, a person or an open run still needs."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, text

from tandem.engine import late_look
from tandem.engine.bot import Bot, BotResult
from tandem.engine.late_look import LateLook
from tandem.engine.retention import Pruned, Pruning
from tandem.engine.run import Run
from tandem.store import audit, journal, runs, tickets
from tandem.store.database import Database
from tandem.store.evidence import EvidenceStore
from tandem.store.journal import Entry
from tandem.store.runs import NewRun
from tandem.store.schema import journal as entries
from tandem.store.schema import pruned_keys
from tandem.store.tickets import Fault, TicketRun
from tests.engine.vendor import HandHeldClock, Office, OrderItem, engine_on, work

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
CUT = LONG_AGO + timedelta(days=1)


@pytest.fixture
def evidence(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore(tmp_path / "evidence")


@pytest.fixture
def pruning(database: Database, evidence: EvidenceStore) -> Pruning:
    return Pruning(database, evidence, CUT)


async def ended(database: Database, run_id: str, *, key: str = "", at: datetime = LONG_AGO) -> None:
    """A run that ended, with one journal entry."""
    await begun(database, run_id, key=key)
    await database.write(runs.finishing(run_id, 1, outcome="created", result=None, at=at, keep_dedupe_key=True))


async def begun(database: Database, run_id: str, *, key: str = "", body: dict[str, object] | None = None) -> None:
    new = NewRun(run_id, "order", key or f"order {run_id}", f"order|{run_id}|v1", {})
    await database.write(lambda connection: runs.add(connection, [new], LONG_AGO))
    assert await database.write(lambda connection: runs.take(connection, run_id, LONG_AGO)) is not None
    outcome = {"number": 1, "channel": "api", "outcome": "not_sent", "error": None, **(body or {})}
    await database.write(journal.appending(Entry(run_id, 1, "erp.stock.check", "ended", LONG_AGO, outcome), 1))


async def left(database: Database) -> list[str]:
    return [row.id for row in await database.read(lambda connection: runs.list_newest(connection, 100))]


async def prune(pruning: Pruning) -> Pruned:
    return await pruning.carry_out(lambda _: None)


def old_file(evidence: EvidenceStore, content: bytes, suffix: str = ".txt") -> str:
    saved = evidence.save("message", content, suffix)
    assert saved is not None
    os.utime(evidence.path(saved), (LONG_AGO.timestamp(), LONG_AGO.timestamp()))
    return saved.path


async def test_run_that_ended_long_ago_goes_with_its_journal(database: Database, pruning: Pruning) -> None:
    await ended(database, "old")
    await ended(database, "new", at=CUT)
    assert (await prune(pruning)).runs == 1
    assert await left(database) == ["new"]
    assert await database.read(lambda connection: connection.execute(select(entries.c.run_id)).scalars().all()) == [
        "new"
    ]


async def test_run_stays_while_another_of_its_business_key_is_not_finished(
    database: Database, pruning: Pruning
) -> None:
    await ended(database, "old", key="order 1")
    await begun(database, "waits", key="order 1")
    assert (await prune(pruning)).runs == 0
    assert await left(database) == ["waits", "old"]


async def test_runs_that_a_late_look_will_judge_by_stay_until_it_is_done(database: Database, pruning: Pruning) -> None:
    await ended(database, "first", key="order 1")
    await ended(database, "second", key="order 1")
    look = LateLook(run_id="second", step="erp.sales_order.create", system="erp", operation="x", request={})
    new = NewRun("look", late_look.BOT, look.business_key, look.business_key, look.model_dump(mode="json"))
    await database.write(lambda connection: runs.add_waiting(connection, new, LONG_AGO, CUT))
    assert (await pruning.preview()).runs == 0
    assert (await prune(pruning)).runs == 0
    assert await database.write(lambda connection: runs.take(connection, "look", CUT)) is not None
    await database.write(runs.finishing("look", 1, outcome="no_twin", result=None, at=CUT, keep_dedupe_key=True))
    assert (await prune(pruning)).runs == 2
    assert await left(database) == ["look"]


async def test_what_people_decided_stays_for_ever(database: Database, pruning: Pruning) -> None:
    await ended(database, "old")
    decided = {"actor": "mei", "action": "resolve", "subject": "ticket 1", "detail": {"run": "old"}}
    await database.write(lambda connection: audit.record(connection, at=LONG_AGO, **decided))
    assert (await prune(pruning)).runs == 1
    (kept,) = await database.read(lambda connection: audit.list_newest(connection, 10))
    assert decided.items() <= kept.items()


async def test_run_stays_while_a_ticket_that_names_it_is_open_and_the_ticket_stays_for_ever(
    database: Database, pruning: Pruning, evidence: EvidenceStore
) -> None:
    await ended(database, "old")
    path = old_file(evidence, b"what was seen")
    saved = evidence.save("message", b"what was seen", ".txt")
    assert saved is not None
    old_file(evidence, b"what was seen")
    fault = Fault("written_twice", "erp", "sales_order.create", None, "1", {"code": "written_twice"}, (saved,))
    number, _ = await database.write(
        lambda connection: tickets.open_or_fold(
            connection, fault, TicketRun("old", "erp.sales_order.create", False, "1"), LONG_AGO
        )
    )
    assert (await prune(pruning)).runs == 0
    await database.write(lambda connection: tickets.resolve(connection, number, "resolved", LONG_AGO))
    assert await prune(pruning) == Pruned(runs=1, files=0, freed_bytes=0)
    ticket = await database.read(lambda connection: tickets.find(connection, number))
    assert ticket is not None
    assert [link.run_id for link in ticket.runs] == ["old"]
    assert evidence.path(ticket.evidence[0]).read_bytes() == b"what was seen"
    assert ticket.evidence[0].path == path


async def test_version_whose_run_was_pruned_is_not_worked_on_again(database: Database, evidence: EvidenceStore) -> None:
    clock = HandHeldClock()
    office = Office(clock)
    engine = engine_on(database, office, clock)

    async def create_version_one(run: Run) -> BotResult:
        assert isinstance(run.item, OrderItem)
        await run.version(f"{run.item.reference}|v1")
        return await office.bot.process(run)

    engine.bots["order"] = Bot("order", OrderItem, create_version_one, systems=office.bot.systems)
    (first,) = await engine.start("order", [work("1")])
    assert (await engine.work()).finished == {"created": 1}
    clock.advance(timedelta(days=91).total_seconds())
    assert (await prune(Pruning(database, evidence, clock.now() - timedelta(days=90)))).runs == 1
    (second,) = await engine.start("order", [work("1")])
    assert (await engine.work()).finished == {"repeated": 1}
    row = await database.read(lambda connection: runs.find(connection, second))
    assert row is not None
    assert row.result == {"same_as": first}
    assert len(office.books.documents) == 1


async def test_run_that_names_no_version_is_not_started_again_after_pruning(
    database: Database, evidence: EvidenceStore
) -> None:
    clock = HandHeldClock()
    office = Office(clock)
    engine = engine_on(database, office, clock)

    started = await engine.start("order", [work("1")])
    await engine.work()
    clock.advance(timedelta(days=91).total_seconds())
    await prune(Pruning(database, evidence, clock.now() - timedelta(days=90)))
    assert await engine.start("order", [work("1")]) == started
    assert (await engine.work()).finished == {}
    assert len(office.books.documents) == 1


async def test_evidence_goes_when_nothing_that_stays_refers_to_it(
    database: Database, pruning: Pruning, evidence: EvidenceStore
) -> None:
    needed, fresh = old_file(evidence, b"needed"), evidence.save("message", b"fresh", ".txt")
    await begun(database, "waits", body={"evidence": [{"kind": "message", "path": needed}]})
    unused = old_file(evidence, b"unused")
    assert await pruning.preview() == await prune(pruning) == Pruned(runs=0, files=1, freed_bytes=6)
    assert fresh is not None
    assert sorted(evidence.unused((), datetime.now(UTC) + timedelta(days=1))) == sorted([needed, fresh.path])
    assert unused not in {needed, fresh.path}


async def test_evidence_of_the_runs_that_would_go_is_counted_in_a_dry_run(
    database: Database, pruning: Pruning, evidence: EvidenceStore
) -> None:
    path = old_file(evidence, b"1234")
    await begun(database, "old", body={"evidence": [{"kind": "message", "path": path}]})
    await database.write(runs.finishing("old", 1, outcome="x", result=None, at=LONG_AGO, keep_dedupe_key=False))
    assert await pruning.preview() == Pruned(runs=1, files=1, freed_bytes=4)
    assert await left(database) == ["old"]
    assert await prune(pruning) == Pruned(runs=1, files=1, freed_bytes=4)


async def test_run_without_a_dedupe_key_leaves_nothing(database: Database, pruning: Pruning) -> None:
    await begun(database, "old")
    await database.write(runs.finishing("old", 1, outcome="x", result=None, at=LONG_AGO, keep_dedupe_key=False))
    assert (await prune(pruning)).runs == 1
    assert await database.read(lambda connection: connection.execute(select(pruned_keys)).all()) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_file_of_an_embedded_store_shrinks(database: Database, pruning: Pruning, tmp_path: Path) -> None:
    for number in range(20):
        await begun(database, str(number), body={"why": "x" * 50_000})
        await database.write(
            runs.finishing(str(number), 1, outcome="x", result=None, at=LONG_AGO, keep_dedupe_key=False)
        )
    checkpoint = text("PRAGMA wal_checkpoint(TRUNCATE)")
    await database.read(lambda connection: connection.execute(checkpoint).all())
    full_bytes = (tmp_path / "tandem.db").stat().st_size
    assert (await prune(pruning)).runs == 20
    await database.read(lambda connection: connection.execute(checkpoint).all())
    assert (tmp_path / "tandem.db").stat().st_size < full_bytes / 4
