"""The table of outcomes, row by row: what is done next, and what stands in the vendor's books at the end."""

from typing import Any, cast

import pytest

from tandem.domain.sales_order import SALES_ORDER_CREATE
from tandem.engine.bot import BotResult
from tandem.engine.engine import Engine, Tally
from tandem.engine.plan import MOST_SPARED
from tandem.engine.run import Run
from tandem.engine.settlement import Settlement
from tandem.engine.system import Rungs
from tandem.errors import BusinessError, StoreError, TandemError, Unavailable, UsageError
from tandem.store import tickets
from tandem.store.database import Database
from tandem.store.tickets import Ticket
from tests.engine.vendor import NOTE_POST, Crash, HandHeldClock, Note, Office, cancelling, engine_on, order, work


async def run_one(engine: Engine, reference: str = "R-1", **options: float) -> Tally:
    await engine.start("order", [work(reference)])
    return await engine.work(**{"patience_s": 3600.0 * 2} | options)  # type: ignore[arg-type]


async def open_tickets(engine: Engine) -> list[Ticket]:
    return await engine.database.read(lambda connection: tickets.list_newest(connection, 10))


async def told_of_twins(engine: Engine) -> dict[str, Any]:
    """What the one open ticket says of them."""
    (ticket,) = await open_tickets(engine)
    assert ticket.kind == "written_twice"
    return told_of(ticket)


def told_of(ticket: Ticket) -> dict[str, Any]:
    return {name: ticket.error["fields"][name] for name in ("count", "kept", "cancelled", "left", "gone")}


def told_twins(*, kept: str, gone: str) -> dict[str, Any]:
    """What is said of two, of which the second was cancelled."""
    return {"count": "2", "kept": kept, "cancelled": "2", "left": "none", "gone": gone}


async def wait_for_a_twin_to_be_void(engine: Engine, office: Office) -> None:
    """Orders 1 and 2 stand for the same reference, and what became of cancelling the second is not known yet."""
    office.api.script, office.api.cancel_script = ["written_twice"], ["very_late_commit"]
    assert (await run_one(engine, patience_s=0)).waiting == 1


def live(office: Office) -> list[str]:
    return [document.sales_order_id for document in office.books.live]


@pytest.mark.parametrize("event", ["refused", "not_offered", "screen_not_ready"])
async def test_not_sent_goes_to_the_next_rung(engine: Engine, office: Office, event: str) -> None:
    office.api.script = [event]
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert office.browser.calls[0] == "sales_order.create"
    assert len(office.books.live) == 1


async def test_throttled_waits_on_the_same_rung(engine: Engine, office: Office) -> None:
    office.api.script = ["throttled", "throttled_long"]
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert office.api.calls.count("sales_order.create") == 3
    assert office.browser.calls == []


async def test_login_expired_logs_in_once_on_the_same_rung(engine: Engine, office: Office) -> None:
    office.api.script = ["login_expired"]
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert office.api.logins == 1
    assert office.browser.calls == []


async def test_login_expired_again_is_a_ticket_and_no_other_rung(engine: Engine, office: Office) -> None:
    office.api.script = ["login_expired", "login_expired"]
    tally = await run_one(engine)
    assert tally.waiting == 1
    assert [ticket.kind for ticket in await open_tickets(engine)] == ["access_refused"]
    assert office.browser.calls == []


async def test_access_refused_is_a_ticket_and_no_other_rung(engine: Engine, office: Office) -> None:
    office.api.script = ["access"]
    tally = await run_one(engine)
    assert tally.waiting == 1
    assert [ticket.kind for ticket in await open_tickets(engine)] == ["access_refused"]
    assert office.browser.calls == []
    assert office.books.documents == []


async def test_business_rejection_is_a_ticket_when_the_bot_does_not_expect_it(engine: Engine, office: Office) -> None:
    office.api.script = ["credit"]
    tally = await run_one(engine)
    assert tally.waiting == 1
    assert [ticket.kind for ticket in await open_tickets(engine)] == ["business_exception"]
    assert office.browser.calls == []
    assert office.books.documents == []


@pytest.mark.parametrize("event", ["lost_answer", "broken_client"])
async def test_lost_answer_is_read_back_and_not_sent_again(engine: Engine, office: Office, event: str) -> None:
    office.api.script = [event]
    tally = await run_one(engine, patience_s=100.0)
    assert tally.finished == {"created": 1}
    assert office.api.calls == ["sales_order.create", "sales_order.find"]
    assert len(office.books.documents) == 1


async def test_lost_request_is_sent_again_only_after_the_vendor_had_time_to_commit(
    engine: Engine, office: Office
) -> None:
    office.api.script = ["lost_request"]
    before = engine.clock.now()
    tally = await run_one(engine, patience_s=100.0)
    assert tally.finished == {"created": 1}
    assert (engine.clock.now() - before).total_seconds() >= 60
    assert office.api.calls.count("sales_order.create") == 2
    assert len(office.books.documents) == 1


async def test_unknown_twice_then_the_next_rung(engine: Engine, office: Office) -> None:
    office.api.script = ["lost_request", "lost_request"]
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert office.api.calls.count("sales_order.create") == 2
    assert office.browser.calls.count("sales_order.create") == 1
    assert len(office.books.documents) == 1


async def test_late_commit_within_settling_time_makes_no_twin(engine: Engine, office: Office) -> None:
    office.api.script = ["late_commit"]
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert office.api.calls.count("sales_order.create") == 1
    assert len(office.books.documents) == 1


async def test_commit_later_than_settling_is_found_by_the_late_look_and_undone(engine: Engine, office: Office) -> None:
    office.api.script = ["very_late_commit"]
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert len(office.books.documents) == 2
    assert [document.sales_order_id for document in office.books.live] == ["1"]
    (ticket,) = await open_tickets(engine)
    assert ticket.kind == "written_twice"
    assert ticket.error["fields"]["cancelled"] == "2"


async def test_written_differently_is_a_ticket_with_the_fields_and_no_further_write(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("browser")
    office.browser.script = ["wrong_field"]
    tally = await run_one(engine)
    assert tally.waiting == 1
    (ticket,) = await open_tickets(engine)
    assert ticket.kind == "written_differently"
    assert "sold_to_party: asked 'C1', found 'OTHER'" in ticket.error["fields"]["fields"]
    assert office.browser.calls.count("sales_order.create") == 1


async def test_written_twice_keeps_the_first_and_cancels_the_other(engine: Engine, office: Office) -> None:
    office.api.script = ["written_twice"]
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert [document.sales_order_id for document in office.books.live] == ["1"]
    assert [ticket.kind for ticket in await open_tickets(engine)] == ["written_twice"]


async def test_twin_that_waits_for_a_permission_is_told_and_keeps_no_other_from_being_cancelled(
    engine: Engine, office: Office
) -> None:
    office.books.commit(order("R-1"))
    office.api.script = ["written_twice"]
    office.api.cancel_script = ["access"]
    assert (await run_one(engine, patience_s=100.0)).waiting == 1
    assert live(office) == ["1", "2"]
    told, stopping = sorted(await open_tickets(engine), key=lambda ticket: ticket.kind, reverse=True)
    assert (told.kind, stopping.kind) == ("written_twice", "access_refused")
    fields = told.error["fields"]
    assert (fields["kept"], fields["cancelled"], fields["left"]) == ("1", "3", "2")

    await Settlement(engine, "clerk").retry(stopping.id)
    assert (await engine.work()).finished == {"created": 1}
    assert live(office) == ["1"]
    news, old = await open_tickets(engine)
    assert (news.kind, old.id) == ("written_twice", told.id)
    assert (news.error["fields"]["cancelled"], news.error["fields"]["left"]) == ("2, 3", "none")


async def test_twin_is_kept_where_a_person_cancels_the_first_while_it_waits_for_a_permission(
    engine: Engine, office: Office
) -> None:
    office.api.script, office.api.cancel_script = ["written_twice"], ["access"]
    assert (await run_one(engine, patience_s=100.0)).waiting == 1
    (stopping,) = [ticket for ticket in await open_tickets(engine) if ticket.kind == "access_refused"]
    office.books.cancel("1")
    with pytest.raises(UsageError, match="about document 2, not about document 1"):
        await Settlement(engine, "clerk").resolve(stopping.id, document="1")
    await Settlement(engine, "clerk").retry(stopping.id)
    assert (await engine.work()).finished == {"created": 1}
    assert live(office) == ["2"]


async def test_twin_whose_cancelling_had_to_wait_is_told_though_it_is_void_by_then(
    engine: Engine, office: Office
) -> None:
    await wait_for_a_twin_to_be_void(engine, office)
    office.books.cancel("2")
    assert (await engine.work(patience_s=100.0)).finished == {"created": 1}
    assert await told_of_twins(engine) == told_twins(kept="1", gone="none")


async def test_twin_that_is_being_cancelled_is_not_kept_where_a_person_cancels_the_first(
    engine: Engine, office: Office
) -> None:
    await wait_for_a_twin_to_be_void(engine, office)
    office.books.cancel("1")
    assert (await engine.work(patience_s=3600.0)).finished == {"created": 1}
    assert live(office) == ["3"]
    assert await told_of_twins(engine) == told_twins(kept="none", gone="1")


async def test_twin_that_was_cancelled_is_not_kept_while_a_search_still_shows_it(
    engine: Engine, office: Office
) -> None:
    await wait_for_a_twin_to_be_void(engine, office)
    office.books.cancel("1")
    office.books.cancel("2")
    office.api.find_script = ["ok", "last_void_not_shown_yet"]
    assert (await engine.work(patience_s=3600.0)).finished == {"created": 1}
    assert live(office) == ["3"]
    assert await told_of_twins(engine) == told_twins(kept="none", gone="1")


@pytest.fixture
async def crashed(engine: Engine, office: Office, database: Database, clock: HandHeldClock) -> Engine:
    """It crashed while it cancelled order 2, which stands for the same reference as order 1, and has come back."""
    office.api.script, office.api.cancel_script = ["written_twice"], ["crash_before_commit"]
    with pytest.raises(Crash):
        await run_one(engine)
    again = engine_on(database, office, clock)
    await again.recover()
    return again


async def test_twins_found_before_a_crash_are_told_after_it(crashed: Engine, office: Office) -> None:
    office.books.cancel("2")
    assert (await crashed.work(patience_s=3600.0)).finished == {"created": 1}
    assert (await told_of_twins(crashed))["count"] == "2"


@pytest.mark.parametrize(
    ("void", "looks", "kept", "gone"), [(["2"], ["ok"], "1", "none"), (["1", "2"], ["ok", "ok"], "none", "1")]
)
async def test_twins_are_told_as_last_seen_before_a_ticket_that_a_person_may_settle_for_good(
    crashed: Engine, office: Office, void: list[str], looks: list[str], kept: str, gone: str
) -> None:
    for number in void:
        office.books.cancel(number)
    office.api.find_script, office.browser.find_script = looks + ["unavailable"] * 50, ["unavailable"] * 50
    assert (await crashed.work(patience_s=3600.0)).finished == {}
    stopping, told = await open_tickets(crashed)
    assert (told.kind, stopping.kind) == ("written_twice", "outcome_unknown")
    assert told_of(told) == told_twins(kept=kept, gone=gone)


@pytest.mark.parametrize(("looks_in_vain", "outcome"), [(4, "cancelled"), (99, "refused")])
async def test_change_in_doubt_is_refused_only_after_the_vendor_had_its_time(
    engine: Engine, office: Office, looks_in_vain: int, outcome: str
) -> None:
    """A document that reads do not show yet is no proof that the change cannot be made."""
    office.bot.__dict__["process"] = cancelling
    office.api.cancel_script, office.api.find_script = ["lost_answer"], ["not_shown_yet"] * looks_in_vain
    before = engine.clock.now()
    assert (await run_one(engine, patience_s=100.0)).finished == {outcome: 1}
    had_its_time = (engine.clock.now() - before).total_seconds() >= 60
    assert had_its_time == (outcome == "refused")
    assert office.api.calls.count("sales_order.cancel") == 1


async def test_read_back_impossible_is_a_ticket_and_never_a_second_write(engine: Engine, office: Office) -> None:
    office.api.script = ["lost_answer"]
    office.api.find_script = ["unavailable"] * 50
    office.browser.find_script = ["unavailable"] * 50
    tally = await run_one(engine)
    assert tally.waiting == 1
    assert [ticket.kind for ticket in await open_tickets(engine)] == ["outcome_unknown"]
    assert len(office.books.documents) == 1
    assert office.api.calls.count("sales_order.create") == 1


async def test_screen_write_is_always_read_back(engine: Engine, office: Office) -> None:
    office.api.script = ["refused"]
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert office.browser.calls == ["sales_order.create"]
    assert office.api.calls == ["sales_order.create", "sales_order.find"]


@pytest.mark.parametrize(("event", "made"), [("silent_no_op", 0), ("cut_reference", 1)])
async def test_screen_that_named_a_document_nobody_finds_is_a_ticket_and_no_second_write(
    engine: Engine, office: Office, event: str, made: int
) -> None:
    office.use_ladder("browser")
    office.browser.script = [event]
    tally = await run_one(engine)
    assert tally.waiting == 1
    (ticket,) = await open_tickets(engine)
    assert (ticket.kind, ticket.error["fields"]["document"]) == ("outcome_unknown", "1" if made else "999")
    assert office.browser.calls.count("sales_order.create") == 1
    assert len(office.books.documents) == made


async def test_document_that_only_seemed_to_be_saved_is_made_once_a_person_retries(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("browser")
    office.browser.script = ["silent_no_op"]
    await run_one(engine)
    (ticket,) = await open_tickets(engine)
    await Settlement(engine, "anna").retry(ticket.id)
    tally = await engine.work(patience_s=7200.0)
    assert tally.finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_no_rung_left_tries_whole_ladders_then_opens_one_ticket_for_all(engine: Engine, office: Office) -> None:
    for channel in (office.api, office.browser, office.desktop):
        channel.script = ["refused"] * 50
    await engine.start("order", [work("R-1"), work("R-2")])
    tally = await engine.work(patience_s=3600)
    assert tally.waiting == 2
    (ticket,) = await open_tickets(engine)
    assert (ticket.kind, ticket.count, len(ticket.runs)) == ("channels_exhausted", 2, 2)
    assert office.books.documents == []


async def test_open_circuit_is_waited_for_where_no_other_rung_can_try(
    engine: Engine, office: Office, clock: HandHeldClock
) -> None:
    office.use_ladder("api", "browser")
    office.api.script = ["not_offered"] * 50
    office.browser.script = ["refused", *["circuit_open"] * 10, "refused", "ok"]
    began = clock.now()
    await run_one(engine)
    assert len(office.books.documents) == 1
    assert await open_tickets(engine) == []
    assert (clock.now() - began).total_seconds() >= 10 * 12


async def test_run_that_waits_for_a_circuit_leaves_its_place_and_goes_on_from_its_journal(
    engine: Engine, office: Office, clock: HandHeldClock
) -> None:
    office.use_ladder("api")
    office.api.script = ["circuit_open", "circuit_open"]
    began = clock.now()
    assert (await run_one(engine, patience_s=5)).waiting == 1
    assert (clock.now() - began).total_seconds() < 5
    assert (await engine.work(patience_s=60)).finished == {"created": 1}
    assert (clock.now() - began).total_seconds() == pytest.approx(24, abs=1)


def unseen(office: Office, *events: str) -> None:
    """What every channel answers to the next looks at the books."""
    office.api.find_script, office.browser.find_script = list(events), list(events)


async def test_look_before_the_first_try_waits_for_a_circuit_without_a_place(
    engine: Engine, office: Office, clock: HandHeldClock
) -> None:
    office.use_ladder("api", look_first=True, round_waits_s=(1.0,))
    unseen(office, *["circuit_open"] * MOST_SPARED)
    began = clock.now()
    assert (await run_one(engine, patience_s=5)).waiting == 1
    assert (await engine.work(patience_s=60)).finished == {"created": 1}
    assert (clock.now() - began).total_seconds() >= MOST_SPARED * 12


async def test_look_before_the_first_try_has_its_rounds_and_no_more_whatever_circuits_open_between(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api", look_first=True, round_waits_s=(1.0, 2.0))
    unseen(office, *["unavailable", *["circuit_open"] * 3] * 3)
    await run_one(engine)
    (ticket,) = await open_tickets(engine)
    assert (ticket.kind, ticket.error["code"]) == ("channels_exhausted", "unavailable")
    assert len(office.api.find_script) == 3
    assert office.books.documents == []


@pytest.mark.parametrize("settle_s", [0.0, 60.0])
@pytest.mark.parametrize("look_first", [False, True])
async def test_look_that_the_vendors_limit_refuses_is_waited_for(
    engine: Engine, office: Office, clock: HandHeldClock, look_first: bool, settle_s: float
) -> None:
    office.use_ladder("api", look_first=look_first, settle_s=settle_s)
    office.api.script = ["lost_answer"]
    unseen(office, *["throttled_long"] * 2)
    began = clock.now()
    assert (await run_one(engine)).finished == {"created": 1}
    assert await open_tickets(engine) == []
    waits = look_first or settle_s == 0
    assert ((clock.now() - began).total_seconds() >= 3600) == waits


@pytest.mark.parametrize("patience_s", [5, 3600])
async def test_last_look_after_settling_waits_for_a_circuit_and_has_its_rounds(
    engine: Engine, office: Office, patience_s: float
) -> None:
    office.use_ladder("api", settle_s=0.0)
    office.api.script = ["lost_answer"]
    unseen(office, "circuit_open", "unavailable", "circuit_open", "unavailable")
    tally = await run_one(engine, patience_s=patience_s)
    assert tally.waiting == (patience_s == 5)
    assert tally.finished + (await engine.work(patience_s=60)).finished == {"created": 1}
    assert await open_tickets(engine) == []
    assert len(office.books.documents) == 1


async def test_circuit_of_one_channel_counts_only_where_the_others_could_not_be_asked_either(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api", look_first=True, round_waits_s=(1.0,))
    office.api.find_script, office.browser.find_script = ["circuit_open"] * 9, ["not_offered"] * 9
    await run_one(engine, "R-1")
    assert await open_tickets(engine) == []
    office.api.find_script, office.browser.find_script = ["unavailable"] * 9, ["circuit_open"] * 9
    await run_one(engine, "R-2")
    assert len(await open_tickets(engine)) == 1
    assert len(office.api.find_script) == 9 - 2


async def test_circuit_that_stays_open_after_settling_is_a_ticket_and_no_second_write_and_waited_for_anew_on_retry(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api", settle_s=0.0, look_first=True)
    office.api.script = ["lost_answer"]
    unseen(office, *["circuit_open"] * (MOST_SPARED + 50))
    office.api.find_script[MOST_SPARED] = "ok"
    await run_one(engine)
    (ticket,) = await open_tickets(engine)
    assert (ticket.kind, ticket.error["code"]) == ("outcome_unknown", "circuit_open")
    assert len(office.api.find_script) == 49 - MOST_SPARED - 3
    unseen(office, *["circuit_open"] * MOST_SPARED)
    await Settlement(engine, "anna").retry(ticket.id)
    assert (await engine.work(patience_s=60)).finished == {"created": 1}
    assert len(office.books.documents) == 1


async def test_open_circuit_passes_a_write_on_to_the_next_rung_at_once(
    engine: Engine, office: Office, clock: HandHeldClock
) -> None:
    office.api.script = ["circuit_open"] * 50
    began = clock.now()
    await run_one(engine)
    assert len(office.books.documents) == 1
    assert (clock.now() - began).total_seconds() < 12


async def test_circuit_that_stays_open_is_a_ticket_in_the_end_the_same_as_of_those_who_tried(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api")
    office.api.script = ["refused"] * 3
    await run_one(engine, "R-1")
    office.api.script = ["circuit_open"] * 50
    await run_one(engine, "R-2")
    (ticket,) = await open_tickets(engine)
    assert (ticket.kind, ticket.count, ticket.error["code"]) == ("channels_exhausted", 2, "unreachable")
    assert len(office.api.script) == 50 - MOST_SPARED - 3


async def test_ticket_of_an_exhausted_ladder_tells_what_each_channel_said_last(engine: Engine, office: Office) -> None:
    office.api.script = ["unavailable"] * 50
    office.browser.script = ["refused", *["screen_not_ready"] * 50]
    office.desktop.script = ["not_offered"] * 50
    await run_one(engine)
    (ticket,) = await open_tickets(engine)
    assert str(TandemError.restored(ticket.error)) == (
        "No channel could carry sales_order.create on system erp. "
        "api: Maintenance; browser: Another screen; desktop: No such endpoint."
    )
    assert (ticket.channel, ticket.error["code"]) == ("desktop", "not_offered")


async def test_ticket_of_a_ladder_of_one_channel_says_what_that_channel_said(engine: Engine, office: Office) -> None:
    office.use_ladder("api")
    office.api.script = ["unavailable"] * 50
    await run_one(engine)
    (ticket,) = await open_tickets(engine)
    assert ticket.error == Unavailable("Maintenance.").recorded()


async def test_first_look_that_no_channel_can_take_tells_what_each_said(engine: Engine, office: Office) -> None:
    office.use_ladder("api", look_first=True)
    office.api.find_script = ["unavailable"] * 50
    office.browser.find_script = ["screen_not_ready"] * 50
    await run_one(engine)
    (ticket,) = await open_tickets(engine)
    assert (ticket.kind, str(TandemError.restored(ticket.error))) == (
        "channels_exhausted",
        "No channel could carry sales_order.find on system erp. api: Maintenance; browser: Another screen.",
    )


async def test_order_keyed_by_a_person_is_adopted_and_not_created_again(engine: Engine, office: Office) -> None:
    office.use_ladder("api", look_first=True)
    office.books.commit(order("R-1"))
    tally = await run_one(engine)
    assert tally.finished == {"created": 1}
    assert office.api.calls == ["sales_order.find"]


async def refused_or_created(run: Run) -> BotResult:
    try:
        await run.perform("erp", SALES_ORDER_CREATE, order("R-1"))
    except BusinessError:
        return BotResult(outcome="refused")
    return BotResult(outcome="created")


@pytest.mark.parametrize("answer", ["credit", "duplicate"])
async def test_read_back_that_is_refused_leaves_the_outcome_unknown(
    engine: Engine, office: Office, answer: str
) -> None:
    office.bot.__dict__["process"] = refused_or_created
    office.api.script = ["lost_answer"]
    office.api.find_script = [answer] * 50
    tally = await run_one(engine)
    assert (tally.finished, tally.waiting) == ({}, 1)
    assert [ticket.kind for ticket in await open_tickets(engine)] == ["outcome_unknown"]
    assert office.api.calls.count("sales_order.create") == 1


@pytest.mark.parametrize("answer", ["credit", "access"])
async def test_look_before_the_first_attempt_that_is_refused_is_a_ticket_and_no_write(
    engine: Engine, office: Office, answer: str
) -> None:
    office.use_ladder("api", look_first=True)
    office.bot.__dict__["process"] = refused_or_created
    office.api.find_script = [answer] * 50
    tally = await run_one(engine)
    assert (tally.finished, tally.waiting) == ({}, 1)
    (ticket,) = await open_tickets(engine)
    assert ticket.operation == "sales_order.create"
    assert office.api.calls == ["sales_order.find"]


async def test_duplicate_reference_that_no_read_back_finds_is_a_ticket_and_never_sent_again(
    engine: Engine, office: Office
) -> None:
    office.api.script = ["duplicate"]
    tally = await run_one(engine)
    assert (tally.finished, tally.waiting) == ({}, 1)
    assert [ticket.kind for ticket in await open_tickets(engine)] == ["outcome_unknown"]
    assert office.api.calls.count("sales_order.create") == 1
    assert office.browser.calls.count("sales_order.create") == 0


async def test_duplicate_reference_is_read_back_and_found(engine: Engine, office: Office) -> None:
    office.books.commit(order("R-1"))
    office.api.script = ["duplicate"]
    assert (await run_one(engine)).finished == {"created": 1}
    assert len(office.books.documents) == 1


@pytest.mark.parametrize("answer", ["access", "credit"])
async def test_refused_write_needs_no_settling_before_it_is_retried(
    engine: Engine, office: Office, answer: str
) -> None:
    office.api.script = [answer]
    await run_one(engine)
    (ticket,) = await open_tickets(engine)
    await Settlement(engine, "clerk").retry(ticket.id)
    assert (await engine.work(patience_s=1)).finished == {"created": 1}
    assert office.api.calls == ["sales_order.create", "sales_order.create"]


async def test_full_disk_while_a_twin_is_cancelled_stops_the_run(engine: Engine, office: Office) -> None:
    office.api.script = ["written_twice"]
    office.api.cancel_script = ["full_disk"]
    with pytest.raises(StoreError):
        await run_one(engine)
    assert await open_tickets(engine) == []


async def test_write_without_read_back_is_sent_again_only_once_a_person_retries_it(
    engine: Engine, office: Office
) -> None:
    async def posts(run: Run) -> BotResult:
        await run.perform("erp", NOTE_POST, Note(external_reference="N-1"))
        return BotResult(outcome="posted")

    office.bot.__dict__["process"] = posts
    cast(dict[str, Rungs], office.system.operations)["note.post"] = Rungs(("api",))
    office.api.script = ["lost_request"]
    assert (await run_one(engine)).waiting == 1
    assert office.api.calls == ["note.post"]
    (ticket,) = await open_tickets(engine)
    assert ticket.kind == "outcome_unknown"
    await Settlement(engine, "clerk").retry(ticket.id)
    assert (await engine.work(patience_s=3600)).finished == {"posted": 1}
    assert office.api.calls == ["note.post", "note.post"]
