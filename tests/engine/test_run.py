"""Runs: replay, dedupe, saga, suspension, crash and recovery, attended and dry runs."""

import asyncio
import dataclasses
from collections.abc import Callable
from decimal import Decimal

import pytest
from sqlalchemy import Connection, text

from tandem.domain.channel import Attempt
from tandem.domain.hold import INTENT_S, confirm_hold
from tandem.domain.record import Record
from tandem.domain.sales_order import SALES_ORDER_CREATE, SALES_ORDER_FIND
from tandem.engine.attendant import WritePreview
from tandem.engine.bot import BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.preview import Forecast
from tandem.engine.run import Run
from tandem.errors import StockShort, StoreError
from tandem.store import audit, runs, tickets
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.vault import Vault
from tests.engine.vendor import Crash, HandHeldClock, Office, OrderItem, ScriptedChannel, order, work


def bot_doing(office: Office, process: object) -> None:
    office.bot.__dict__["process"] = process


async def status_of(engine: Engine, run_id: str) -> runs.RunRow:
    row = await engine.database.read(lambda connection: runs.find(connection, run_id))
    assert row is not None
    return row


@pytest.mark.parametrize("event", ["crash_before_commit", "crash_after_commit"])
async def test_crash_around_the_commit_leaves_exactly_one_order(
    engine: Engine, office: Office, database: Database, clock: HandHeldClock, event: str
) -> None:
    office.api.script = [event]
    await engine.start("order", [work("R-1")])
    with pytest.raises(Crash):
        await engine.work()

    again = Engine(database, {"order": office.bot}, Codec(Vault(Vault.new_key())), systems=engine.systems, clock=clock)
    assert await again.recover() == 1
    tally = await again.work(patience_s=3600)

    assert tally.finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_worker_that_was_taken_over_writes_nothing_more(engine: Engine, office: Office) -> None:
    async def taken_over_in_between(run: Run) -> BotResult:
        await run.now("first")
        await engine.database.write(lambda connection: runs.recover(connection) and runs.claim(connection, 1, clock()))
        await run.perform("erp", SALES_ORDER_CREATE, order("R-1"))
        return BotResult(outcome="created")

    clock = engine.clock.now
    bot_doing(office, taken_over_in_between)
    await engine.start("order", [work("R-1")])
    tally = await engine.work()
    assert tally.finished == {}
    assert office.books.documents == []


class StoppedChannel(ScriptedChannel):
    """Its worker is stopped before the first byte leaves, and taken for dead."""

    def __init__(self, office: Office, clock: HandHeldClock, database: Database) -> None:
        super().__init__("api", office.books, clock)
        self._hand, self._database = clock, database

    async def perform(self, attempt: Attempt) -> Record:
        self._hand.advance(INTENT_S + 1)
        await self._database.write(lambda books: runs.recover(books) and runs.claim(books, 1, self._hand.now()))
        await confirm_hold()
        return await super().perform(attempt)


async def test_worker_taken_over_between_intent_and_send_sends_nothing(
    engine: Engine, office: Office, clock: HandHeldClock, database: Database
) -> None:
    office.api = StoppedChannel(office, clock, database)
    office.use_ladder("api")
    await engine.start("order", [work("R-1")])
    tally = await engine.work()
    assert (tally.finished, office.api.calls) == ({}, [])


@pytest.mark.parametrize("word", ["ticket", "version", "finish", "wait"])
async def test_worker_that_was_taken_over_leaves_the_books_alone(
    engine: Engine, database: Database, office: Office, word: str
) -> None:
    async def process(run: Run) -> BotResult:
        await database.write(lambda connection: runs.recover(connection) and runs.claim(connection, 1, clock()))
        if word == "version":
            await run.version("order-7@v1")
        if word == "ticket":
            await run.report("written_twice", StockShort("Short."), "erp", SALES_ORDER_CREATE, "R-1")
        if word == "wait":
            await run.sleep(3600)
        return BotResult(outcome="created")

    clock = engine.clock.now
    office.use_ladder("api")
    bot_doing(office, process)
    (run_id,) = await engine.start("order", [work("R-1")])
    before = await status_of(engine, run_id)
    await engine.work()
    after = await status_of(engine, run_id)
    assert dataclasses.replace(after, epoch=0) == dataclasses.replace(before, status="running", epoch=0)
    assert await database.read(lambda connection: tickets.list_newest(connection, 10)) == []


async def test_second_trigger_before_the_first_has_begun_is_the_same_run(engine: Engine, office: Office) -> None:
    first = await engine.start("order", [work("R-1"), work("R-2")])
    second = await engine.start("order", [work("R-2"), work("R-1")])
    assert second == list(reversed(first))


async def test_same_version_of_the_document_is_worked_on_once(engine: Engine, office: Office) -> None:
    async def versioned(run: Run) -> BotResult:
        await run.version("order-7@v1")
        await run.perform("erp", SALES_ORDER_CREATE, order("R-1"))
        return BotResult(outcome="created")

    bot_doing(office, versioned)
    for _ in range(2):
        await engine.start("order", [work("R-1")])
        tally = await engine.work()
    assert tally.finished == {"repeated": 1}
    assert len(office.books.documents) == 1


async def test_result_that_is_not_final_lets_the_same_version_run_again(engine: Engine, office: Office) -> None:
    async def waiting(run: Run) -> BotResult:
        await run.version("order-7@v1")
        return BotResult(outcome="waiting", final=False)

    bot_doing(office, waiting)
    for _ in range(2):
        await engine.start("order", [work("R-1")])
        tally = await engine.work()
    assert tally.finished == {"waiting": 1}


async def test_replay_returns_what_was_recorded_instead_of_repeating_it(engine: Engine, office: Office) -> None:
    seen: list[str] = []

    async def sleeps_between(run: Run) -> BotResult:
        seen.append(str(await run.now("start")))
        await run.perform("erp", SALES_ORDER_CREATE, order("R-1"))
        await run.sleep(3600)
        await run.perform("erp", SALES_ORDER_FIND, order("R-1").lookup())
        return BotResult(outcome="created")

    bot_doing(office, sleeps_between)
    await engine.start("order", [work("R-1")])
    tally = await engine.work(patience_s=7200)
    assert tally.finished == {"created": 1}
    assert len(seen) == 2
    assert seen[0] == seen[1]
    assert office.api.calls == ["sales_order.create", "sales_order.find"]


async def test_same_step_twice_without_a_key_is_refused(engine: Engine, office: Office) -> None:
    async def careless(run: Run) -> BotResult:
        for _ in range(2):
            await run.perform("erp", SALES_ORDER_CREATE, order("R-1"))
        return BotResult(outcome="created")

    bot_doing(office, careless)
    await engine.start("order", [work("R-1")])
    tally = await engine.work()
    assert tally.waiting == 1
    (ticket,) = await engine.database.read(lambda connection: tickets.list_newest(connection, 5))
    assert ticket.kind == "bot_failed"


class Person:
    """An attendant with prepared answers."""

    def __init__(self, approves: bool) -> None:
        self.approves = approves
        self.shown: list[WritePreview] = []

    async def approve(self, preview: WritePreview) -> bool:
        self.shown.append(preview)
        return self.approves

    async def answer(self, question: str, choices: tuple[str, ...]) -> str:
        return choices[0]


@pytest.mark.parametrize(("approves", "outcome", "orders"), [(True, "created", 1), (False, "declined", 0)])
async def test_attended_write_is_shown_and_made_only_when_approved(
    engine: Engine, office: Office, approves: bool, outcome: str, orders: int
) -> None:
    person = Person(approves)
    engine.attendant = person
    await engine.start("order", [work("R-1")], mode="attended")
    tally = await engine.work()
    assert tally.finished == {outcome: 1}
    assert len(office.books.documents) == orders
    assert ("lines[1].quantity", "2") in person.shown[0].fields()


async def test_dry_run_shows_the_write_and_makes_none(engine: Engine, office: Office) -> None:
    shown: list[WritePreview] = []
    ending = await engine.preview("order", work("R-1"), shown.append)
    assert ending == Forecast("created", {"outcome": "created", "final": True})
    assert [(preview.operation, preview.reference) for preview in shown] == [("sales_order.create", "R-1")]
    assert office.books.documents == []
    assert await engine.database.read(lambda connection: runs.list_newest(connection, 5)) == []


async def test_personal_data_is_sealed_in_the_journal(engine: Engine, office: Office) -> None:
    from tandem.domain.business_partner import BusinessPartner

    person = BusinessPartner(business_partner_id="1", name="Erika Mustermann", currency="EUR")
    data = engine.codec.dump(person)
    assert "Erika" not in str(data)
    assert engine.codec.load(BusinessPartner, data) == person


async def test_question_of_an_unattended_run_waits_on_a_ticket_for_its_answer(engine: Engine, office: Office) -> None:
    from tandem.engine.settlement import Settlement

    async def asks(run: Run) -> BotResult:
        answer = await run.ask("Ship without insurance?", ("yes", "no"))
        return BotResult(outcome=answer)

    bot_doing(office, asks)
    await engine.start("order", [work("R-1")])
    assert (await engine.work()).waiting == 1
    (ticket,) = await engine.database.read(lambda connection: tickets.list_newest(connection, 5))
    await Settlement(engine, "clerk").resolve(ticket.id, answer="no")
    assert (await engine.work()).finished == {"no": 1}
    (decision,) = await engine.database.read(lambda connection: audit.list_newest(connection, 5))
    assert decision["actor"] == "clerk"


def test_order_arithmetic_is_exact() -> None:
    assert order("R").lines[0].net_amount == Decimal("19.00")


async def test_one_order_is_never_worked_on_by_two_runs_at_once(engine: Engine, office: Office) -> None:
    under_way: set[str] = set()
    most = 0

    async def watched(run: Run) -> BotResult:
        nonlocal most
        assert isinstance(run.item, OrderItem)
        under_way.add(run.id)
        most = max(most, len(under_way))
        await run.now()
        under_way.discard(run.id)
        return BotResult(outcome="created", final=False)

    bot_doing(office, watched)
    same_key = work("R-1").business_key
    new = [runs.NewRun(f"run{n}", "order", same_key, f"trigger {n}", {"reference": "R-1"}) for n in range(4)]
    await engine.database.write(lambda connection: runs.add(connection, new, engine.clock.now()))
    tally = await engine.work(concurrency=4)
    assert tally.finished == {"created": 4}
    assert most == 1


async def test_attended_run_is_left_alone_where_nobody_attends(engine: Engine, office: Office) -> None:
    await engine.start("order", [work("R-1")], mode="attended")
    assert (await engine.work()).finished == {}
    assert office.books.documents == []
    engine.attendant = Person(True)
    assert (await engine.work()).finished == {"created": 1}


async def test_dry_run_of_a_bot_that_asks_ends_there_and_opens_no_ticket(engine: Engine, office: Office) -> None:
    async def asks(run: Run) -> BotResult:
        return BotResult(outcome=await run.ask("Ship?", ("yes", "no")))

    bot_doing(office, asks)
    ending = await engine.preview("order", work("R-1"), lambda _: None)
    assert (ending.outcome, ending.result["code"], ending.result["fields"]["question"]) == (
        "waiting",
        "question",
        "Ship?",
    )
    assert await engine.database.read(lambda connection: tickets.list_newest(connection, 5)) == []


async def test_preview_tells_what_a_business_ticket_would_say(engine: Engine, office: Office) -> None:
    async def reads(run: Run) -> BotResult:
        raise StockShort("{order} is too much.", order="R-1")

    bot_doing(office, reads)
    ending = await engine.preview("order", work("R-1"), lambda _: None)
    assert (ending.outcome, ending.result["fields"]) == ("waiting", {"order": "R-1"})


async def test_dry_run_goes_on_where_a_run_opens_a_ticket_that_stops_nothing(engine: Engine, office: Office) -> None:
    async def reports(run: Run) -> BotResult:
        await run.report("written_twice", StockShort("Twice."), "erp", SALES_ORDER_CREATE, "R-1")
        return BotResult(outcome="created")

    bot_doing(office, reports)
    assert (await engine.preview("order", work("R-1"), lambda _: None)).outcome == "created"
    assert await engine.database.read(lambda connection: tickets.list_newest(connection, 5)) == []


async def test_dry_run_of_a_version_that_a_run_has_is_repeated_and_takes_it_from_nobody(
    engine: Engine, office: Office
) -> None:
    async def versioned(run: Run) -> BotResult:
        await run.version("order-7@v1")
        return BotResult(outcome="created")

    bot_doing(office, versioned)
    for _ in range(2):
        assert (await engine.preview("order", work("R-1"), lambda _: None)).outcome == "created"
    (run_id,) = await engine.start("order", [work("R-1")])
    assert (await engine.work()).finished == {"created": 1}
    assert await engine.preview("order", work("R-1"), lambda _: None) == Forecast("repeated", {"same_as": run_id})
    await engine.start("order", [work("R-2")])
    assert (await engine.work()).finished == {"repeated": 1}


async def test_declined_write_stays_declined_when_its_saga_is_undone_after_a_crash(
    engine: Engine, office: Office, database: Database, clock: HandHeldClock
) -> None:
    async def two_orders(run: Run) -> BotResult:
        async with run.saga():
            await run.perform("erp", SALES_ORDER_CREATE, order("R-1"), key="1")
            await run.perform("erp", SALES_ORDER_CREATE, order("R-2"), key="2")
        return BotResult(outcome="created")

    class Wavering(Person):
        async def approve(self, preview: WritePreview) -> bool:
            return preview.reference != "R-2"

    bot_doing(office, two_orders)
    office.api.cancel_script = ["crash_before_commit"]
    engine.attendant = Wavering(True)
    await engine.start("order", [work("R-1")], mode="attended")
    with pytest.raises(Crash):
        await engine.work()
    again = Engine(database, {"order": office.bot}, engine.codec, systems=engine.systems, clock=clock)
    again.attendant = Person(True)
    await again.recover()
    assert (await again.work(patience_s=3600)).finished == {"declined": 1}
    assert office.books.live == []


async def test_attended_run_that_is_due_does_not_keep_an_unattended_worker_busy(engine: Engine, office: Office) -> None:
    office.api.script = ["throttled_long"]
    engine.attendant = Person(True)
    await engine.start("order", [work("R-1")], mode="attended")
    assert (await engine.work()).waiting == 1
    await engine.clock.sleep(3601)
    engine.attendant = None
    tally = await asyncio.wait_for(engine.work(), timeout=5)
    assert (tally.finished, tally.next_wake_at) == ({}, None)


async def test_run_of_a_bot_that_is_no_longer_there_is_left_alone(engine: Engine, office: Office) -> None:
    gone = runs.NewRun("run0", "gone", "key", "dedupe", {})
    await engine.database.write(lambda connection: runs.add(connection, [gone], engine.clock.now()))
    await engine.start("order", [work("R-1")])
    assert (await engine.work()).finished == {"created": 1}
    assert (await status_of(engine, "run0")).status == "ready"


async def test_item_of_another_shape_is_a_ticket_and_stops_no_other_run(engine: Engine, office: Office) -> None:
    old = runs.NewRun("run0", "order", "key", "dedupe", {"number": 1})
    await engine.database.write(lambda connection: runs.add(connection, [old], engine.clock.now()))
    await engine.start("order", [work("R-1")])
    tally = await engine.work()
    assert (tally.finished, tally.waiting) == ({"created": 1}, 1)
    (ticket,) = await engine.database.read(lambda connection: tickets.list_newest(connection, 5))
    assert ticket.kind == "bot_failed"


async def test_more_ids_than_a_statement_takes_may_be_asked_for(engine: Engine, office: Office) -> None:
    run_ids = await engine.start("order", [work("R-1"), work("R-2")])
    others = [f"run{number}" for number in range(260_000)]
    assert (await engine.work(only=[*others, run_ids[1]])).finished == {"created": 1}
    assert (await status_of(engine, run_ids[0])).status == "ready"


async def test_run_left_by_who_attended_it_is_taken_over_by_the_next_start(engine: Engine, office: Office) -> None:
    (left,) = await engine.start("order", [work("R-1")], mode="attended")
    assert await engine.start("order", [work("R-1")]) == [left]
    assert (await engine.work()).finished == {"created": 1}


async def test_run_waiting_to_be_attended_asks_though_it_was_started_unattended(engine: Engine, office: Office) -> None:
    await engine.start("order", [work("R-1")])
    await engine.start("order", [work("R-1")], mode="attended")
    engine.attendant = Person(False)
    assert (await engine.work()).finished == {"declined": 1}
    assert office.books.documents == []


async def test_steps_done_together_go_on_when_the_first_of_them_is_due(engine: Engine, office: Office) -> None:
    async def two_waits(run: Run) -> BotResult:
        await run.together(run.sleep(7200, key="long"), run.sleep(60, key="short"))
        return BotResult(outcome="slept")

    bot_doing(office, two_waits)
    await engine.start("order", [work("R-1")])
    tally = await engine.work(patience_s=1)
    assert tally.next_wake_at is not None
    assert (tally.next_wake_at - engine.clock.now()).total_seconds() == 60


async def test_two_waiting_runs_about_the_same_object_do_not_wait_for_each_other(
    engine: Engine, office: Office
) -> None:
    key = work("R-1").business_key
    at = engine.clock.now()
    for number in range(2):
        new = runs.NewRun(f"run{number}", "order", key, f"look {number}", {"reference": "R-1"})
        await engine.database.write(lambda connection, new=new: runs.add_waiting(connection, new, at, at))
    tally = await asyncio.wait_for(engine.work(), timeout=5)
    assert tally.finished == {"created": 2}


async def test_stopped_work_is_taken_up_where_it_was(engine: Engine, office: Office) -> None:
    under_way = asyncio.Event()

    async def slow(run: Run) -> BotResult:
        await run.perform("erp", SALES_ORDER_CREATE, order("R-1"))
        if not under_way.is_set():
            under_way.set()
            await asyncio.Event().wait()
        return BotResult(outcome="created")

    bot_doing(office, slow)
    await engine.start("order", [work("R-1")])
    working = asyncio.create_task(engine.work())
    await under_way.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    assert await engine.recover() == 1
    assert (await engine.work(patience_s=3600)).finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_full_disk_stops_the_work_and_costs_no_order(engine: Engine, office: Office) -> None:
    async def set_limit(pages: int) -> None:
        limit = text(f"PRAGMA max_page_count = {pages}")
        await engine.database.write(lambda connection: connection.execute(limit).scalar())

    await engine.start("order", [work(f"R-{number}") for number in range(60)])
    pages = await engine.database.write(lambda connection: connection.execute(text("PRAGMA page_count")).scalar())
    await set_limit(int(pages or 0) + 6)
    with pytest.raises(StoreError, match="database or disk is full"):
        await asyncio.wait_for(engine.work(), timeout=20)
    assert len(office.books.documents) < 60
    await set_limit(1_000_000)
    await engine.recover()
    await asyncio.wait_for(engine.work(patience_s=3600), timeout=20)
    assert sorted(document.order.external_reference for document in office.books.documents) == sorted(
        f"R-{number}" for number in range(60)
    )


async def test_two_items_of_one_business_key_are_two_runs(engine: Engine, office: Office) -> None:
    items = [Work("customer C1", OrderItem(reference=reference)) for reference in ("R-1", "R-2", "R-1")]
    first, second, again = await engine.start("order", items)
    assert first == again != second
    assert (await engine.work()).finished == {"created": 2}
    assert len(office.books.documents) == 2


async def test_bot_that_forgets_its_result_is_a_ticket_and_stops_no_other_run(engine: Engine, office: Office) -> None:
    async def forgets(run: Run) -> BotResult:
        assert isinstance(run.item, OrderItem)
        return BotResult(outcome="created") if run.item.reference == "R-2" else None  # type: ignore[return-value]

    bot_doing(office, forgets)
    await engine.start("order", [work("R-1"), work("R-2")])
    tally = await engine.work()
    assert (tally.finished, tally.waiting) == ({"created": 1}, 1)
    (ticket,) = await engine.database.read(lambda connection: tickets.list_newest(connection, 5))
    assert (ticket.kind, ticket.error["fields"]["kind"]) == ("bot_failed", "TypeError")


async def test_read_back_that_breaks_in_the_client_is_asked_on_the_next_rung(engine: Engine, office: Office) -> None:
    office.api.script, office.api.find_script = ["lost_answer"], ["broken_client"]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=3600)).finished == {"created": 1}
    assert "sales_order.find" in office.browser.calls
    assert len(office.books.documents) == 1


async def test_run_that_broke_off_goes_on_before_one_that_a_clock_put_back_places_before_it(
    engine: Engine, office: Office
) -> None:
    """What a run about the same object has done so far is half of something."""
    begun: list[str] = []

    async def noted(run: Run) -> BotResult:
        begun.append(run.id)
        await run.perform("erp", SALES_ORDER_CREATE, order(run.id))
        return BotResult(outcome="created")

    def add(run_id: str) -> Callable[[Connection], list[str]]:
        new = runs.NewRun(run_id, "order", "customer", run_id, {"reference": run_id})
        return lambda connection: runs.add(connection, [new], engine.clock.now())

    office.bot.__dict__["process"] = noted
    office.api.script = ["crash_after_commit"]
    await engine.database.write(add("run at nine"))
    with pytest.raises(Crash):
        await engine.work()
    await engine.database.write(add("run at eight"))
    await engine.recover()
    assert (await engine.work()).finished == {"created": 2}
    assert begun == ["run at nine", "run at nine", "run at eight"]
    assert len(office.books.documents) == 2
