"""Tryton's REST API with an application key: against Tryton itself, and beside its JSON-RPC."""

import base64
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from api_clients.tryton.operations import (
    Client,
    business_partner_find,
    connect,
    credit_position_find,
    production_order_cancel,
    production_order_create,
    production_order_find,
    project_time_find,
    receipt_cancel,
    receipt_create,
    receipt_find,
    receipt_post,
    sales_order_cancel,
    sales_order_confirm,
    sales_order_create,
    sales_order_find,
    shipment_deliver,
    shipment_find,
    stock_check,
    time_entry_cancel,
    time_entry_create,
    time_entry_find,
)
from api_clients.tryton.pages import Pages
from fixtures.tryton.real import bills_of_materials
from tandem.domain.business_partner import BusinessPartnerLookup
from tandem.domain.credit_position import CreditPositionLookup
from tandem.domain.production_order import ProductionOrder, ProductionOrderLookup
from tandem.domain.receipt import Receipt, ReceiptLookup
from tandem.domain.sales_order import SalesOrderLookup
from tandem.domain.shipment import ShipmentLookup
from tandem.domain.stock import Demand, StockCheck
from tandem.domain.time_entry import TIME_ENTRY_CREATE, ProjectTimeLookup, TimeEntry, TimeEntryLookup
from tandem.errors import (
    AccessRefused,
    BusinessPartnerUnknown,
    CreditBlocked,
    DocumentNotFound,
    LoginRefused,
    MaterialUnknown,
    NotOffered,
    TandemError,
    Unavailable,
    UnknownOutcome,
    ValidationFailed,
)
from tandem.workspace.real.server import Standing
from tests import invoices, tryton_api
from tests.http.wire import Asked, answer, serving
from tests.tryton_server import connected, failing, performed
from tests.vendors.test_tryton import TODAY, Tryton, with_line

DELIVERIES = (
    "SELECT COUNT(DISTINCT shipment.id) FROM stock_shipment_out shipment JOIN stock_move move "
    "ON move.shipment = 'stock.shipment.out,' || shipment.id JOIN sale_line line "
    "ON move.origin = 'sale.line,' || line.id JOIN sale_sale sale ON sale.id = line.sale WHERE sale.reference = ?"
)


def urlsafe(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.fixture(scope="session")
def standing(real_server) -> Standing:
    orders, _ = invoices.sample()
    return real_server("tryton", orders)


@pytest.fixture(scope="session")
def key(standing) -> dict[str, Any]:
    return tryton_api.by_key(standing.about["REST key"])


@pytest.fixture
async def tryton(standing) -> AsyncIterator[Tryton]:
    """The server, and a client of its JSON-RPC."""
    async with Tryton(standing.url, standing.about["database"], invoices.sample()[1]) as server:
        server.url = standing.url
        yield server


@pytest.fixture
async def rest(standing, key) -> AsyncIterator[Client]:
    async with connected(standing.url, auth=key) as client:
        yield client


def planned(tryton: Tryton, reference: str) -> ProductionOrder:
    """Of a gift set."""
    code = next(iter(bills_of_materials(tryton.data)))
    return ProductionOrder(external_reference=reference, material=code, quantity=Decimal(1), unit="u", planned_on=TODAY)


def header(key: Mapping[str, Any]) -> dict[str, str]:
    return {"authorization": f"Bearer {key['key']}"}


async def raw(standing: Standing, key: Mapping[str, Any], method: str, resource: str, **more: Any) -> httpx.Response:
    """What REST answers by itself, with neither our client nor a context."""
    async with httpx.AsyncClient(base_url=f"{standing.url}/tandem/rest/model", headers=header(key)) as http:
        return await http.request(method, f"/{resource}", **more)


async def test_answers_of_both_apis_are_equal(tryton, rest):
    asked = tryton.order()
    await tryton.confirmed(asked)
    codes = tryton.goods(3)
    demands = tuple(Demand(material=code, quantity=Decimal(5), unit="u") for code in codes)
    entry = TimeEntry(
        external_reference="REST-0", employee="E-1", project="P-1.1", worked_on=TODAY, hours=Decimal("1.25"), note="ö"
    )
    await time_entry_create(tryton.client, entry)
    questions = [
        (business_partner_find, BusinessPartnerLookup(business_partner_id=asked.sold_to_party)),
        (credit_position_find, CreditPositionLookup(business_partner_id=asked.sold_to_party)),
        (stock_check, StockCheck(demands=demands)),
        (stock_check, StockCheck(demands=demands, requested_on=TODAY + timedelta(days=90))),
        (sales_order_find, SalesOrderLookup(external_reference=asked.external_reference)),
        (sales_order_find, SalesOrderLookup(external_reference="NONE")),
        (shipment_find, ShipmentLookup(external_reference=asked.external_reference)),
        (time_entry_find, TimeEntryLookup(external_reference=entry.external_reference)),
        (project_time_find, ProjectTimeLookup(project="P-1")),
        (receipt_find, ReceiptLookup(external_reference="NONE")),
    ]
    for ask, question in questions:
        assert await ask(rest, question) == await ask(tryton.client, question), ask.__name__
    (document,) = (await sales_order_find(rest, questions[4][1])).documents
    assert asked.differences(document) == ()


async def test_receipt_reads_alike_through_both_and_is_never_half_reversed(tryton, rest):
    receipt = Receipt(
        external_reference="REST-RECEIPT",
        business_partner_id=tryton.customer(),
        amount=Decimal("12.34"),
        currency="GBP",
        received_on=TODAY,
    )
    made = await receipt_create(tryton.client, receipt)
    lookup = ReceiptLookup(external_reference=receipt.external_reference)
    found = await receipt_find(rest, lookup)
    assert found == await receipt_find(tryton.client, lookup)
    assert receipt.differences(found.documents[0]) == ()
    with pytest.raises(NotOffered, match="fills in no forms"):
        await receipt_cancel(rest, made.compensation())
    assert (await receipt_find(rest, lookup)).documents[0].draft, "a draft that cannot be reversed was posted"
    await receipt_post(rest, made.post())
    assert not (await receipt_find(tryton.client, lookup)).documents[0].draft


async def test_production_order_reads_alike_through_both_and_is_cancelled_by_its_button(tryton, rest):
    asked = planned(tryton, "REST-P1")
    made = await production_order_create(tryton.client, asked)
    lookup = ProductionOrderLookup(external_reference=asked.external_reference)
    found = await production_order_find(rest, lookup)
    assert found == await production_order_find(tryton.client, lookup)
    assert asked.differences(found.documents[0]) == ()
    for _ in range(2):
        await production_order_cancel(rest, made.compensation())
    assert tryton.rows("SELECT state FROM production WHERE reference = 'REST-P1'") == [("cancelled",)]


async def test_refusals_of_reads_are_those_of_json_rpc(tryton, rest):
    with pytest.raises(BusinessPartnerUnknown, match="NOBODY"):
        await business_partner_find(rest, BusinessPartnerLookup(business_partner_id="NOBODY"))
    demands = tuple(Demand(material=code, quantity=Decimal(1), unit="u") for code in ("NOPE1", "NOPE2"))
    with pytest.raises(MaterialUnknown, match="NOPE1, NOPE2"):
        await stock_check(rest, StockCheck(demands=demands))


async def test_reference_full_of_signs_is_found(tryton, rest):
    asked = tryton.order(lines=1, external_reference="REST O'Neil & Ö {50%} +1 #/?;=客户")
    await sales_order_create(tryton.client, asked)
    (document,) = (
        await sales_order_find(rest, SalesOrderLookup(external_reference=asked.external_reference))
    ).documents
    assert asked.differences(document) == ()


async def test_pages_by_range_make_up_every_record_once(tryton, rest, monkeypatch):
    monkeypatch.setattr(Pages, "size", 100)
    rows = await rest.search_read("product.product", [], ["code"])
    standing = [id_ for (id_,) in tryton.rows("SELECT id FROM product_product WHERE active ORDER BY id")]
    assert len(standing) > 300
    assert [row["id"] for row in rows] == standing
    calls = rest.http.calls
    assert len(await rest.search_read("product.product", [["id", "<=", 100]], ["code"])) == 100
    assert rest.http.calls - calls == 1, "a page that is full and the last is asked beyond"


async def test_range_leaves_out_its_end_and_there_is_nothing_beyond_the_last(standing, key):
    told = await raw(standing, key, "GET", "product.product?f=code", headers={"range": "records=0-3"})
    assert len(told.json()) == 3
    assert told.headers["content-range"] == "records 0-3/*"
    beyond = await raw(standing, key, "GET", "product.product?f=code", headers={"range": "records=900000-900003"})
    assert beyond.status_code == 416


async def test_check_of_more_materials_than_an_address_holds_is_asked_in_parts(tryton, rest):
    codes = [code for (code,) in tryton.rows("SELECT code FROM product_product WHERE code IS NOT NULL ORDER BY id")]
    assert len(codes) > 400
    check = StockCheck(demands=tuple(Demand(material=code, quantity=Decimal(1), unit="u") for code in codes))
    assert await stock_check(rest, check) == await stock_check(tryton.client, check)


async def test_wrong_key_is_a_refused_login_and_never_shown(standing, key):
    async with connected(standing.url, auth=key | {"key": "wrong-4711"}) as client:
        with pytest.raises(LoginRefused, match="401") as refused:
            await business_partner_find(client, BusinessPartnerLookup(business_partner_id="1"))
    assert "wrong-4711" not in str(refused.value)


async def test_model_and_field_that_tryton_lacks_are_not_offered_although_it_answers_500(standing, key, rest):
    assert (await raw(standing, key, "GET", "sale.opportunity")).status_code == 500
    with pytest.raises(NotOffered, match=r"no sale\.opportunity"):
        await rest.search_read("sale.opportunity", [], ["number"])
    with pytest.raises(NotOffered, match="no nothing"):
        await rest.search_read("sale.sale", [["nothing", "=", "1"]], ["number"])
    with pytest.raises(NotOffered, match="no nothing"):
        await rest.search_read("product.product", [["id", "<", 9]], ["nothing"])


async def test_post_that_breaks_tryton_is_answered_400_and_is_no_refusal(standing, key, rest):
    assert (await raw(standing, key, "POST", "sale.opportunity", json={})).status_code == 400
    with pytest.raises(UnknownOutcome), rest.about("R-1", safe=False):
        await rest.create("sale.opportunity", {"reference": "R-1"})


async def test_database_that_is_not_there_is_told_with_the_setting(standing, key):
    settings = tryton_api.SETTINGS.model_copy(update={"database": "nowhere"})
    port = tryton_api.opened(standing.url, auth=key)
    with pytest.raises(NotOffered, match=r"settings\.database"):
        await business_partner_find(connect(port, settings), BusinessPartnerLookup(business_partner_id="1"))
    await port.aclose()


async def test_without_a_context_limits_are_null_and_an_order_is_refused_and_our_client_never_asks_so(
    tryton, standing, key, rest
):
    customer = tryton.customer(low_limit=True)
    query = {"d": urlsafe([["code", "=", customer]]), "f": ["credit_limit_amount", "currency.code"]}
    (bare,) = (await raw(standing, key, "GET", "party.party", params=query)).json()
    assert (bare["credit_limit_amount"], bare["currency"]) == (None, None)
    refused = await raw(standing, key, "POST", "sale.sale", json={"party": bare["id"]})
    assert (refused.status_code, "User in companies" in refused.json()["message"]) == (400, True)
    position = await credit_position_find(rest, CreditPositionLookup(business_partner_id=customer))
    assert (position.limit, position.currency) == (Decimal(300), "GBP")


async def test_context_that_a_proxy_takes_away_is_noticed_before_anything_is_believed(tryton, standing, key):
    async def forgetful(asked: Asked) -> bytes:
        kept = {name: asked.headers[name] for name in ("authorization", "content-type") if name in asked.headers}
        async with httpx.AsyncClient(base_url=standing.url) as http:
            told = await http.request(asked.method, asked.target, headers=kept, content=asked.body)
        return answer(told.status_code, told.content, content_type=told.headers["content-type"])

    async with serving(forgetful) as proxy, connected(proxy.url, auth=key) as client:
        with pytest.raises(NotOffered, match="X-Tryton-Context"):
            await credit_position_find(client, CreditPositionLookup(business_partner_id=tryton.customer()))


async def test_user_without_a_company_sees_no_limits_so_nothing_is_read_for_one(tryton, key):
    login = json.dumps({"company": None})

    async def of_nobody(asked: Asked) -> bytes:
        assert asked.target.endswith("get_preferences")
        return answer(200, login.encode(), content_type="application/json")

    async with serving(of_nobody) as server, connected(server.url, auth=key) as client:
        with pytest.raises(AccessRefused, match="has no company"):
            await credit_position_find(client, CreditPositionLookup(business_partner_id=tryton.customer()))


async def test_order_is_confirmed_and_delivered_by_buttons_once(tryton, rest):
    asked = tryton.order(lines=1)
    made = await sales_order_create(tryton.client, asked)
    for _ in range(2):
        confirmed = await sales_order_confirm(rest, made.confirm())
    (document,) = (
        await sales_order_find(rest, SalesOrderLookup(external_reference=asked.external_reference))
    ).documents
    assert (document.draft, document.sales_order_id) == (False, confirmed.sales_order_id)
    lookup = ShipmentLookup(external_reference=asked.external_reference)
    (delivery,) = (await shipment_find(rest, lookup)).documents
    await shipment_deliver(rest, delivery.deliver())
    assert tryton.planned(asked.external_reference) == {("delivery", "done"), ("invoice", "draft")}


async def test_draft_is_cancelled_and_an_order_in_processing_is_left_as_it_is(tryton, rest):
    draft, processed = tryton.order(lines=1), tryton.order(lines=1)
    made = await sales_order_create(tryton.client, draft)
    await sales_order_cancel(rest, made.compensation())
    assert tryton.rows("SELECT state FROM sale_sale WHERE reference = ?", draft.external_reference) == [("cancelled",)]
    confirmed = await tryton.confirmed(processed)
    with pytest.raises(NotOffered, match="auth of kind session"):
        await sales_order_cancel(rest, confirmed.compensation())
    assert tryton.planned(processed.external_reference) == {("delivery", "waiting"), ("invoice", "draft")}


async def test_order_beyond_the_credit_limit_stays_a_draft_in_trytons_words(tryton, rest):
    asked = with_line(tryton.order(customer=tryton.customer(low_limit=True)), net_price=Decimal(200))
    made = await sales_order_create(tryton.client, asked)
    with pytest.raises(CreditBlocked, match=r"will exceed their .*300\.00 credit limit by"):
        await sales_order_confirm(rest, made.confirm())
    assert tryton.rows("SELECT state FROM sale_sale WHERE reference = ?", asked.external_reference) == [("quotation",)]


async def test_button_in_a_wrong_state_and_on_nothing_is_refused(tryton, rest):
    made = await sales_order_create(tryton.client, tryton.order(lines=1))
    with pytest.raises(ValidationFailed, match='can not call "confirm"'), rest.about("R-1", safe=False):
        await rest.press("sale.sale", "confirm", int(made.sales_order_id[1:]))
    with pytest.raises(DocumentNotFound), rest.about("R-1", safe=False):
        await rest.press("sale.sale", "confirm", 999999)


async def test_what_a_screen_would_fill_in_is_not_offered_and_nothing_is_written(tryton, rest):
    asked = tryton.order()
    with pytest.raises(NotOffered, match="auth of kind session"):
        await sales_order_create(rest, asked)
    assert tryton.rows("SELECT COUNT(*) FROM sale_sale WHERE reference = ?", asked.external_reference) == [(0,)]
    with pytest.raises(NotOffered, match="auth of kind session"):
        await production_order_create(rest, planned(tryton, "REST-P2"))
    assert tryton.rows("SELECT COUNT(*) FROM production WHERE reference = 'REST-P2'") == [(0,)]


async def test_record_this_user_may_not_touch_are_refused(rest):
    with pytest.raises(AccessRefused), rest.about("a tax", safe=False):
        await rest.create("account.tax", {"name": "Free"})


def entry(reference: str) -> TimeEntry:
    return TimeEntry(
        external_reference=reference,
        employee="E-1",
        project="P-1",
        worked_on=TODAY,
        hours=Decimal("2.5"),
        note="by key",
    )


async def test_time_entry_is_booked_cancelled_and_booked_anew(tryton, rest):
    asked = entry("REST-1")
    made = await time_entry_create(rest, asked)
    await time_entry_cancel(rest, made.compensation())
    assert await time_entry_create(rest, asked) == made
    (document,) = (await time_entry_find(rest, TimeEntryLookup(external_reference="REST-1"))).documents
    assert asked.differences(document) == ()
    assert tryton.rows("SELECT duration FROM timesheet_line WHERE uuid = 'REST-1'") == [(9000,)]


@pytest.mark.parametrize("mishap", ["reset before commit", "reset after commit", "502 after commit"])
async def test_time_entry_whose_answer_is_lost_is_booked_once(tryton, standing, key, tmp_path: Path, mishap):
    asked = entry("REST-" + mishap.replace(" ", "-"))
    async with failing(standing.url, asked.external_reference, mishap, auth=key) as client:
        with pytest.raises(UnknownOutcome):
            await time_entry_create(client, asked)
    booked = await performed(standing.url, tmp_path / "books.db", TIME_ENTRY_CREATE, asked, auth=key)
    rows = tryton.rows("SELECT '#' || id FROM timesheet_line WHERE uuid = ?", asked.external_reference)
    assert rows == [(booked,)]


@pytest.mark.parametrize("mishap", ["reset before commit", "reset after commit"])
async def test_confirmation_whose_answer_is_lost_ends_in_one_delivery(tryton, standing, key, rest, mishap):
    asked = tryton.order(lines=1)
    made = await sales_order_create(tryton.client, asked)
    async with failing(standing.url, "/confirm", mishap, auth=key) as client:
        with pytest.raises(UnknownOutcome):
            await sales_order_confirm(client, made.confirm())
    await sales_order_confirm(rest, made.confirm())
    assert tryton.rows(DELIVERIES, asked.external_reference) == [(1,)]


@pytest.mark.parametrize(
    ("told", "of_a_write", "of_a_read"),
    [
        (answer(200, b"no json"), UnknownOutcome, Unavailable),
        (answer(200, {"no": "list"}), UnknownOutcome, Unavailable),
        (answer(200, None), UnknownOutcome, Unavailable),
        (answer(204, b""), UnknownOutcome, Unavailable),
        (answer(400, b"<h1>Bad Request</h1>"), UnknownOutcome, Unavailable),
        (answer(400, {"status": 400, "message": "No", "description": ""}), ValidationFailed, ValidationFailed),
        (answer(403, {}), AccessRefused, AccessRefused),
        (answer(404, {}), DocumentNotFound, NotOffered),
        (answer(409, {}), UnknownOutcome, Unavailable),
        (answer(500, {}), UnknownOutcome, Unavailable),
        (answer(503, {}), UnknownOutcome, Unavailable),
    ],
)
async def test_answer_has_one_meaning_for_a_write_and_one_for_a_read(
    told: bytes, of_a_write: type[TandemError], of_a_read: type[TandemError]
) -> None:
    async def server(asked: Asked) -> bytes:
        if "get_preferences" in asked.target or "default_get" in asked.target:
            return answer(body={"company": 1})
        return told

    auth = {"kind": "api_key", "header": "Authorization", "scheme": "Bearer", "key": "secret-4711"}
    async with serving(server) as running, connected(running.url, auth=auth) as client:
        with pytest.raises(TandemError) as written, client.about("R-1", safe=False):
            await client.create("sale.sale", {"reference": "R-1"})
        with pytest.raises(TandemError) as read, client.about("R-1"):
            await client.search_read("sale.sale", [["reference", "=", "R-1"]], ["reference"])
    assert (type(written.value), type(read.value)) == (of_a_write, of_a_read)


async def test_field_that_tryton_leaves_out_is_refused_and_not_read_as_empty() -> None:
    async def server(asked: Asked) -> bytes:
        return answer(body={"company": 1} if asked.method == "POST" else [{"id": 1, "party": {"id": 2}}])

    auth = {"kind": "api_key", "key": "secret-4711"}
    async with serving(server) as running, connected(running.url, auth=auth) as client:
        with pytest.raises(AccessRefused, match=r"show party\.code of sale\.sale"):
            await client.search_read("sale.sale", [], ["party.code"])


def test_pages_of_two_moments_are_not_believed() -> None:
    pages = Pages("erp", "sale.sale")
    pages.add([{"id": 1}, {"id": 2}], "records 0-2/3")
    with pytest.raises(Unavailable, match="page by page"):
        pages.add([{"id": 2}], "records 2-3/3")
    pages = Pages("erp", "sale.sale")
    pages.add([{"id": 1}, {"id": 2}], "records 0-2/3")
    with pytest.raises(Unavailable, match="page by page"):
        pages.add([], "")
    pages = Pages("erp", "sale.sale")
    pages.add([{"id": 1}, {"id": 2}], "records 0-2/4")
    with pytest.raises(Unavailable, match="page by page"):
        pages.add([{"id": 3}, {"id": 5}], "records 1-4/4")


def test_full_page_without_a_range_is_not_all_there_is(monkeypatch):
    monkeypatch.setattr(Pages, "size", 2)
    pages = Pages("erp", "sale.sale")
    pages.add([{"id": 1}, {"id": 2}])
    assert (pages.complete, pages.header) == (False, {"range": "records=1-4"})
    pages.add([{"id": 2}])
    assert (pages.complete, [record["id"] for record in pages.records]) == (True, [1, 2])


def test_answer_without_a_range_is_all_there_is() -> None:
    pages = Pages("erp", "sale.sale")
    pages.add([{"id": 1}, {"id": 2}, {"id": 3}])
    assert pages.complete
