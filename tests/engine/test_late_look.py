"""The second look undoes a late twin, and never the document that a run, or a person, relies on."""

from contextlib import nullcontext

import pytest

from tandem.domain.sales_order import SALES_ORDER_CREATE
from tandem.engine.bot import BotResult
from tandem.engine.climb import Context
from tandem.engine.engine import Engine
from tandem.engine.journal import Journal
from tandem.engine.late_look import BOT, LateLook, schedule
from tandem.engine.run import Run
from tandem.engine.settlement import Settlement
from tandem.engine.suspension import Fenced
from tandem.engine.tickets import Ticketing
from tandem.errors import BusinessError
from tandem.store import runs, tickets
from tandem.store.tickets import Ticket
from tests.engine.vendor import HandHeldClock, Office, OrderItem, cancelling, order, work

LONG_S = 4 * 3600.0


async def open_tickets(engine: Engine) -> list[Ticket]:
    return await engine.database.read(lambda connection: tickets.list_newest(connection, 10))


def fail_read_backs(office: Office) -> None:
    office.api.find_script, office.browser.find_script = ["unavailable"] * 99, ["unavailable"] * 99


def answer_read_backs(office: Office) -> None:
    office.api.find_script, office.browser.find_script = [], []


def live(office: Office) -> list[str]:
    return [document.sales_order_id for document in office.books.live]


async def refusing(run: Run) -> BotResult:
    assert isinstance(run.item, OrderItem)
    try:
        await run.perform("erp", SALES_ORDER_CREATE, order(run.item.reference))
    except BusinessError:
        return BotResult(outcome="refused", final=False)
    return BotResult(outcome="created")


async def test_order_that_a_later_run_made_after_a_refusal_is_not_taken_for_a_twin(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api")
    office.bot.__dict__["process"] = refusing
    office.api.script = ["lost_request", "credit"]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=100)).finished == {"refused": 1}
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=LONG_S)).finished == {"created": 1}
    assert live(office) == ["1"]
    assert await open_tickets(engine) == []


async def test_order_that_committed_after_its_run_was_refused_is_left_to_a_person(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api")
    office.bot.__dict__["process"] = refusing
    office.api.script = ["very_late_commit", "credit"]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=LONG_S)).finished == {"refused": 1}
    (ticket,) = await open_tickets(engine)
    assert (ticket.kind, ticket.error["fields"]["kept"], ticket.error["fields"]["cancelled"]) == (
        "written_twice",
        "none",
        "none",
    )
    assert live(office) == ["1"]


async def test_document_that_a_person_named_without_its_leading_zeros_is_kept(engine: Engine, office: Office) -> None:
    office.use_ladder("api")
    office.api.script = ["lost_request"] + ["refused"] * 50
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=100)).waiting == 1
    office.books.commit(order("R-1"))
    (ticket,) = await open_tickets(engine)
    await Settlement(engine, "clerk").resolve(ticket.id, document="0001")
    assert (await engine.work(patience_s=LONG_S)).finished == {"created": 1}
    assert live(office) == ["1"]


async def test_write_believed_absent_after_a_retry_is_looked_for_anew(engine: Engine, office: Office) -> None:
    office.use_ladder("api")
    office.api.script = ["lost_request", "credit"]
    await engine.start("order", [work("R-1")])
    await engine.work(patience_s=LONG_S)
    (ticket,) = await open_tickets(engine)
    office.api.script = ["very_late_commit"]
    await Settlement(engine, "clerk").retry(ticket.id)
    await engine.work(patience_s=LONG_S)
    assert len(office.books.documents) == 2
    assert live(office) == ["1"]


async def test_twin_of_an_order_that_a_person_made_by_hand_is_undone(engine: Engine, office: Office) -> None:
    office.use_ladder("api")
    office.api.script = ["very_late_commit"]
    fail_read_backs(office)
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=61)).waiting == 1
    answer_read_backs(office)
    made = office.books.commit(order("R-1"))
    (ticket,) = await open_tickets(engine)
    await Settlement(engine, "clerk").resolve(ticket.id, document=made.sales_order_id)
    await engine.work(patience_s=LONG_S)
    assert len(office.books.documents) == 2
    assert live(office) == ["1"]


async def test_twin_of_an_order_in_doubt_that_was_settled_by_anothers_document_is_undone(
    engine: Engine, office: Office, clock: HandHeldClock
) -> None:
    office.use_ladder("api")
    office.api.script = ["very_late_commit"]
    clock.plan(2.0, lambda: office.books.commit(order("R-1")))
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=61)).finished == {"created": 1}
    await engine.work(patience_s=LONG_S)
    assert len(office.books.documents) == 2
    assert live(office) == ["1"]


async def test_order_that_was_numbered_after_it_was_made_is_not_taken_for_its_own_twin(
    engine: Engine, office: Office, clock: HandHeldClock
) -> None:
    office.use_ladder("api")
    office.api.script = ["very_late_commit"]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=80)).finished == {"created": 1}
    draft = office.books.documents[0]
    office.books.documents[0] = draft.model_copy(update={"sales_order_id": "4711", "draft_id": draft.sales_order_id})
    await engine.work(patience_s=LONG_S)
    assert len(office.books.documents) == 2
    assert live(office) == ["4711"]
    (ticket,) = await open_tickets(engine)
    assert (ticket.error["fields"]["kept"], ticket.error["fields"]["cancelled"]) == ("4711", "2")


async def test_order_keyed_anew_by_a_person_after_ours_was_cancelled_is_left_to_a_person(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api")
    office.api.script = ["lost_request"]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=100)).finished == {"created": 1}
    office.books.cancel("1")
    office.books.commit(order("R-1"))
    await engine.work(patience_s=LONG_S)
    assert live(office) == ["2"]
    (ticket,) = await open_tickets(engine)
    assert ticket.error["fields"]["cancelled"] == "none"


@pytest.mark.parametrize(
    ("second", "stopping", "left", "end"),
    [("credit", [], ["1", "3"], "2"), ("access", ["access_refused"], ["1"], "2, 3")],
)
async def test_twin_that_cannot_be_cancelled_is_told_with_those_that_were(
    engine: Engine, office: Office, second: str, stopping: list[str], left: list[str], end: str
) -> None:
    office.use_ladder("api")
    office.api.script, office.api.cancel_script = ["lost_request"], ["ok", second]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=100)).finished == {"created": 1}
    office.books.commit(order("R-1"))
    office.books.commit(order("R-1"))
    await engine.work(patience_s=LONG_S)
    assert live(office) == ["1", "3"]
    told, *others = sorted(await open_tickets(engine), key=lambda ticket: ticket.kind, reverse=True)
    assert (told.kind, [ticket.kind for ticket in others]) == ("written_twice", stopping)
    assert (told.error["fields"]["kept"], told.error["fields"]["cancelled"]) == ("1", "2")

    for ticket in others:
        await Settlement(engine, "clerk").retry(ticket.id)
    await engine.work(patience_s=LONG_S)
    assert live(office) == left
    assert (await open_tickets(engine))[0].error["fields"]["cancelled"] == end


async def test_twin_is_left_where_a_person_cancels_the_document_beside_it_while_its_cancelling_waits(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api")
    office.api.script, office.api.cancel_script = ["very_late_commit"], ["access"]
    await engine.start("order", [work("R-1")])
    await engine.work(patience_s=LONG_S)
    (stopping,) = [ticket for ticket in await open_tickets(engine) if ticket.kind == "access_refused"]
    office.books.cancel("1")
    await Settlement(engine, "clerk").retry(stopping.id)
    await engine.work(patience_s=LONG_S)
    assert live(office) == ["2"]
    news = (await open_tickets(engine))[0].error["fields"]
    assert (news["twins"], news["kept"], news["cancelled"]) == ("2", "none", "none")


async def test_twin_that_became_void_late_though_its_cancelling_was_refused_is_told(
    engine: Engine, office: Office
) -> None:
    office.use_ladder("api")
    office.api.script, office.api.cancel_script = ["written_twice"], ["very_late_commit", "credit"]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=LONG_S)).finished == {"created": 1}
    assert live(office) == ["1"]
    late, left = await open_tickets(engine)
    assert (late.kind, left.kind) == ("not_compensated", "written_twice")
    assert (late.error["fields"]["documents"], left.error["fields"]["left"]) == ("2", "2")


async def test_twin_whose_number_another_system_has_too_is_still_noticed(engine: Engine, office: Office) -> None:
    office.use_ladder("api")
    office.bot.__dict__["process"] = refusing
    await engine.start("order", [work("R-1")])
    assert (await engine.work()).finished == {"created": 1}
    office.books.documents.clear()
    office.api.script = ["very_late_commit", "credit"]
    await engine.start("order", [work("R-2")])
    await engine.work(patience_s=LONG_S)
    assert [ticket.kind for ticket in await open_tickets(engine)] == ["written_twice"]


async def test_worker_that_was_taken_over_schedules_no_look(engine: Engine, office: Office) -> None:
    (run_id,) = await engine.start("order", [work("R-1")])
    await engine.work()
    look = LateLook(run_id=run_id, step="s", system="erp", operation=SALES_ORDER_CREATE.name, request={})
    for epoch, count in ((0, 0), (1, 1)):
        journal = Journal(engine.database, engine.clock, run_id, epoch)
        context = Context(journal, engine.codec, engine.clock, Ticketing(engine.clock, journal), engine.new_id)
        schedule(context, look, 1, 900.0)
        with pytest.raises(Fenced) if epoch == 0 else nullcontext():
            await journal.flush()
        looks = await engine.database.read(lambda connection: runs.list_newest(connection, 9, bot=BOT))
        assert len(looks) == count


@pytest.mark.parametrize(
    ("second", "outcome", "kinds"), [("credit", "refused", ["not_compensated"]), ("ok", "cancelled", [])]
)
async def test_change_that_was_refused_and_took_effect_late_is_told(
    engine: Engine, office: Office, second: str, outcome: str, kinds: list[str]
) -> None:
    office.bot.__dict__["process"] = cancelling
    office.api.cancel_script = ["very_late_commit", second]
    await engine.start("order", [work("R-1")])
    assert (await engine.work(patience_s=LONG_S)).finished == {outcome: 1}
    assert live(office) == []
    assert [ticket.kind for ticket in await open_tickets(engine)] == kinds
