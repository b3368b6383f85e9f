"""The SAP client against the sandbox over real HTTP: every operation, every switch, every refusal and fault."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal
from typing import Any

import httpx
import pytest
from loguru import logger

from api_clients.sap_s4hana.batch import Change
from api_clients.sap_s4hana.entity import etag_of
from api_clients.sap_s4hana.fault import Refused
from api_clients.sap_s4hana.literals import entity, function
from api_clients.sap_s4hana.operations import (
    Settings,
    business_partner_find,
    connect,
    sales_order_cancel,
    sales_order_create,
    sales_order_find,
    stock_check,
)
from api_clients.sap_s4hana.sales_order import new_order
from api_clients.sap_s4hana.service import Service
from api_clients.sap_s4hana.values import edm_date
from fixtures.retail import Retail, RetailCustomer, RetailProduct
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from fixtures.sap_s4hana.books import Books
from fixtures.sap_s4hana.sandbox import CREDENTIALS, Switches, build
from tandem.domain.business_partner import BusinessPartnerLookup
from tandem.domain.sales_order import SalesOrder, SalesOrderLine, SalesOrderLookup
from tandem.domain.stock import Demand, StockCheck
from tandem.errors import (
    AccessRefused,
    BusinessPartnerBlocked,
    BusinessPartnerUnknown,
    DocumentLocked,
    DocumentNotFound,
    LoginExpired,
    MaterialUnknown,
    NotOffered,
    NotSent,
    Throttled,
    Unavailable,
    UnknownOutcome,
    Unreachable,
    ValidationFailed,
)
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

SETTINGS = Settings(sales_organization="1710", distribution_channel="10", division="00", plant="1710")
MATERIALS = {f"{85000 + number}A": Decimal(100) for number in range(60)}
RETAIL = Retail(
    orders=(),
    customers=tuple(RetailCustomer(str(17000 + number), f"Customer {number}", "France") for number in range(200)),
    products=(
        *(RetailProduct(code, f"Article {code}", Decimal("2.55")) for code in MATERIALS),
        RetailProduct("POST", "Postage", Decimal(18)),
    ),
    stock=MATERIALS,
)
BASIC = {"kind": "basic", "username": CREDENTIALS["username"], "password": CREDENTIALS["password"]}
KNOWN = Books.of(RETAIL).customers
CUSTOMER = next(number for number, customer in KNOWN.items() if not customer.order_block)
BLOCKED = next(number for number, customer in KNOWN.items() if customer.order_block)


class Sap:
    """A running sandbox and a client of it."""

    def __init__(
        self, url: str, books: Books, faults: FaultPlan, auth: dict[str, Any], settings: dict[str, Any]
    ) -> None:
        self.url = url
        self.books = books
        self.faults = faults
        auth = {name: value.replace("{url}", url) for name, value in auth.items()}
        api = ApiSettings.model_validate({"url": url, "auth": auth, "timeouts": {"read_s": 1.5}})
        self.port = HttpPort("erp", api)
        self.client = connect(self.port, SETTINGS.model_copy(update=settings))

    async def open_session(self, service: Service | None = None) -> None:
        """Have the CSRF token of a service fetched, so that the next call is the business call alone."""
        with pytest.raises(Refused):
            await (service or self.client.sales_orders).delete("A_Nothing('1')", etag="*")

    async def expire_sessions(self) -> None:
        """Let the sandbox's sessions end of old age."""
        async with httpx.AsyncClient() as control:
            await control.post(f"{self.url}/_sandbox/clock", json={"advance_s": 3600})

    async def calls(self, awaitable):
        """The result, and how many HTTP requests it took."""
        before = self.port.calls
        result = await awaitable
        return result, self.port.calls - before


@asynccontextmanager
async def running(
    *rules: str, switches: Switches | None = None, auth: dict[str, Any] | None = None, **settings: Any
) -> AsyncIterator[Sap]:
    faults = FaultPlan(rules)
    app = build(RETAIL, faults, switches or Switches())
    async with serve(app) as server:
        sap = Sap(server.url, app.state.books, faults, auth or BASIC, settings)
        try:
            yield sap
        finally:
            await sap.port.aclose()


@pytest.fixture
async def sap() -> AsyncIterator[Sap]:
    async with running() as started:
        yield started


def order(reference: str = "EXT-1", *, lines: int = 3, **changes: object) -> SalesOrder:
    codes = itertools.cycle(MATERIALS)
    asked = SalesOrder(
        external_reference=reference,
        sold_to_party=CUSTOMER,
        currency="GBP",
        requested_delivery_on=date(2027, 3, 1),
        lines=tuple(
            SalesOrderLine(
                line_number=10 * number,
                material=next(codes),
                quantity=Decimal(2),
                unit="PC",
                net_price=Decimal("1.25"),
                site="1710",
            )
            for number in range(1, lines + 1)
        ),
    )
    return asked.model_copy(update=changes)


def with_line(asked: SalesOrder, **changes: object) -> SalesOrder:
    """The order with its first line changed."""
    first = asked.lines[0].model_copy(update=changes)
    return asked.model_copy(update={"lines": (first, *asked.lines[1:])})


async def found(sap: Sap, reference: str = "EXT-1"):
    result = await sales_order_find(sap.client, SalesOrderLookup(external_reference=reference))
    return result.documents


async def available(sap: Sap, *materials: str, **check: object) -> list[Decimal | None]:
    demands = tuple(Demand(material=code, quantity=Decimal(5), unit="PC") for code in materials)
    result = await stock_check(sap.client, StockCheck(demands=demands, **check))
    return [answer.available for answer in result.answers]


async def test_customer_is_found_with_its_currency_in_one_call(sap):
    lookup = BusinessPartnerLookup(business_partner_id=CUSTOMER.zfill(10))
    partner, calls = await sap.calls(business_partner_find(sap.client, lookup))
    assert (partner.business_partner_id, partner.currency, partner.blocked) == (CUSTOMER, "GBP", False)
    assert partner.name.startswith("Customer ")
    assert calls == 1


async def test_customer_with_an_order_block_is_found_blocked(sap):
    partner = await business_partner_find(sap.client, BusinessPartnerLookup(business_partner_id=BLOCKED))
    assert partner.blocked


async def test_customer_nobody_knows_is_unknown(sap):
    with pytest.raises(BusinessPartnerUnknown, match="99999"):
        await business_partner_find(sap.client, BusinessPartnerLookup(business_partner_id="99999"))


async def test_customer_of_another_sales_area_is_unknown_in_ours():
    async with running(division="77") as sap:
        with pytest.raises(BusinessPartnerUnknown, match="1710/10/77"):
            await business_partner_find(sap.client, BusinessPartnerLookup(business_partner_id=CUSTOMER))


async def test_stock_of_many_materials_is_one_call_and_a_service_is_without_limit(sap):
    await available(sap, "85000A", "85001A")
    answers, calls = await sap.calls(available(sap, *MATERIALS, "POST"))
    assert answers == [Decimal(100)] * len(MATERIALS) + [None]
    assert calls == 1


async def test_stock_promised_to_an_order_is_no_longer_available(sap):
    await sales_order_create(sap.client, with_line(order(lines=1), quantity=Decimal(97)))
    assert await available(sap, "85000A", requested_on=date(2027, 3, 1)) == [Decimal(3)]


async def test_every_unknown_material_of_a_check_is_named(sap):
    with pytest.raises(MaterialUnknown, match="NOPE1, NOPE2"):
        await available(sap, "85000A", "NOPE1", "NOPE2")


async def test_stock_in_a_unit_other_than_the_base_unit_is_refused(sap):
    demand = Demand(material="85000A", quantity=Decimal(1), unit="CAR")
    with pytest.raises(ValidationFailed, match="in PC, and the demand is in CAR"):
        await stock_check(sap.client, StockCheck(demands=(demand,)))


async def test_order_is_written_in_one_call_and_reads_back_equal(sap):
    asked = with_line(order(), net_price=Decimal("0.125"), quantity=Decimal(7))
    await sales_order_create(sap.client, order("EXT-0"))
    confirmation, calls = await sap.calls(sales_order_create(sap.client, asked))
    (document,) = await found(sap)
    assert calls == 1
    assert confirmation.external_reference == "EXT-1"
    assert document.sales_order_id == confirmation.sales_order_id
    assert asked.differences(document) == ()
    assert sap.books.find_sales_orders(reference="EXT-1")[0].net_amount == Decimal("0.88") + 2 * Decimal("2.50")


async def test_customer_number_with_leading_zeros_reads_back_equal(sap):
    asked = order(sold_to_party=CUSTOMER.zfill(10))
    await sales_order_create(sap.client, asked)
    result = await sales_order_find(sap.client, asked.lookup())
    assert asked.differences(result.documents[0]) == ()
    assert (await found(sap))[0].order.sold_to_party == CUSTOMER


async def test_order_beyond_stock_is_confirmed_in_part(sap):
    await sales_order_create(sap.client, with_line(order(), quantity=Decimal(130)))
    (document,) = await found(sap)
    assert [line.quantity for line in document.confirmed] == [Decimal(100), Decimal(2), Decimal(2)]


async def test_reference_full_of_signs_is_found_again_and_nothing_else(sap):
    reference = "O'Neil & Söhne {50%} +1 #/?;=客户"
    await sales_order_create(sap.client, order(reference))
    await sales_order_create(sap.client, order("O"))
    (document,) = await found(sap, reference)
    assert document.order.external_reference == reference


async def test_order_of_675_lines_is_written_and_read_whole(sap):
    asked = order(lines=675)
    await sales_order_create(sap.client, asked)
    (document,), calls = await sap.calls(found(sap))
    assert asked.differences(document) == ()
    assert len(document.confirmed) == 675
    assert calls == 1


async def test_orders_with_one_reference_are_all_found_oldest_first_whoever_the_customer_is(sap):
    for number in range(11):
        customer = CUSTOMER if number else next(n for n in KNOWN if n not in (CUSTOMER, BLOCKED))
        await sales_order_create(sap.client, order(lines=1, sold_to_party=customer))
    documents = await found(sap)
    assert [document.sales_order_id for document in documents] == [str(number) for number in range(1, 12)]
    assert documents[0].order.sold_to_party != CUSTOMER


async def test_reference_nobody_used_finds_nothing(sap):
    assert await found(sap, "EXT-404") == ()


@pytest.mark.parametrize(
    ("changes", "line", "error"),
    [
        ({"sold_to_party": "99999"}, {}, BusinessPartnerUnknown),
        ({"sold_to_party": BLOCKED}, {}, BusinessPartnerBlocked),
        ({"currency": "XXX"}, {}, ValidationFailed),
        ({}, {"material": "NOPE"}, MaterialUnknown),
        ({}, {"unit": "CAR"}, ValidationFailed),
        ({}, {"site": "9999"}, ValidationFailed),
        ({}, {"net_price": Decimal("0.12345678")}, ValidationFailed),
    ],
)
async def test_order_sap_refuses_is_a_business_error_and_nothing_is_written(sap, changes, line, error):
    with pytest.raises(error, match="EXT-1"):
        await sales_order_create(sap.client, with_line(order(**changes), **line))
    assert sap.books.census()["sales_orders"] == 0


async def test_cancelled_order_keeps_its_document_and_frees_its_stock(sap):
    confirmation = await sales_order_create(sap.client, order(lines=25))
    cancelled, calls = await sap.calls(sales_order_cancel(sap.client, confirmation.compensation()))
    (document,) = await found(sap)
    assert cancelled.sales_order_id == confirmation.sales_order_id
    assert document.cancelled
    assert len(document.order.lines) == 25
    assert await available(sap, "85000A") == [Decimal(100)]
    assert calls == 2


async def test_cancelling_twice_changes_nothing_more(sap):
    confirmation = await sales_order_create(sap.client, order())
    await sales_order_cancel(sap.client, confirmation.compensation())
    before = sap.books.census()["digest"]
    await sales_order_cancel(sap.client, confirmation.compensation())
    assert sap.books.census()["digest"] == before


async def test_order_with_another_reference_is_not_cancelled(sap):
    confirmation = await sales_order_create(sap.client, order())
    wrong = confirmation.compensation().model_copy(update={"external_reference": "EXT-2"})
    with pytest.raises(ValidationFailed, match="EXT-2"):
        await sales_order_cancel(sap.client, wrong)
    assert not (await found(sap))[0].cancelled


async def test_order_that_is_gone_is_not_found_when_it_is_to_be_cancelled(sap):
    confirmation = await sales_order_create(sap.client, order())
    sap.books.delete_sales_order(confirmation.sales_order_id)
    with pytest.raises(DocumentNotFound):
        await sales_order_cancel(sap.client, confirmation.compensation())


async def test_order_somebody_has_open_is_not_cancelled(sap):
    confirmation = await sales_order_create(sap.client, order())
    sap.books.lock(confirmation.sales_order_id, "MILLER")
    with pytest.raises(DocumentLocked):
        await sales_order_cancel(sap.client, confirmation.compensation())
    assert not (await found(sap))[0].cancelled


async def test_rejection_reason_sap_does_not_know_leaves_every_item_as_it_was():
    async with running(rejection_reason="ZZ") as sap:
        confirmation = await sales_order_create(sap.client, order())
        with pytest.raises(ValidationFailed, match="ZZ"):
            await sales_order_cancel(sap.client, confirmation.compensation())
        assert not (await found(sap))[0].cancelled


async def test_partly_rejected_order_reads_back_as_different(sap):
    asked = order()
    confirmation = await sales_order_create(sap.client, asked)
    sap.books.reject_items(confirmation.sales_order_id, "01", (20,))
    (document,) = await found(sap)
    assert not document.cancelled
    assert [difference.field for difference in asked.differences(document)] == ["line 20 material"]


POSITIONS = [
    Switches(),
    Switches(edition="cloud"),
    Switches(page_size=4),
    Switches(bare_function_result=True),
    Switches(far_period_end=True),
    Switches(created_with_items=False),
    Switches(strict_decimals=False),
    Switches(head_status=403),
    Switches(head_status=405),
    Switches(one_create_per_changeset=True),
    Switches(read_lag_s=0.3),
    Switches(credit_limit=Decimal(1)),
    Switches(edition="cloud", page_size=1, bare_function_result=True, created_with_items=False, head_status=405),
]


@pytest.mark.parametrize("switches", POSITIONS, ids=str)
async def test_every_position_of_the_sandbox_carries_every_operation(switches):
    asked = order(lines=9)
    async with running(switches=switches) as sap:
        partner = await business_partner_find(sap.client, BusinessPartnerLookup(business_partner_id=CUSTOMER))
        assert partner.currency == "GBP"
        assert await available(sap, "85000A", "85001A", "POST") == [Decimal(100), Decimal(100), None]
        first = await sales_order_create(sap.client, asked)
        await sales_order_create(sap.client, asked)
        promised = [line.quantity for line in first.lines]
        assert promised == ([Decimal(2)] * 9 if switches.created_with_items else [])
        await sales_order_cancel(sap.client, first.compensation())
        await asyncio.sleep(switches.read_lag_s)
        documents = await found(sap)
        assert [document.cancelled for document in documents] == [True, False]
        assert asked.differences(documents[1]) == ()


async def test_order_blocked_for_credit_is_created_and_the_block_is_logged():
    events: list[str] = []
    sink = logger.add(lambda message: events.append(message.record["extra"]["event"]), level="WARNING")
    try:
        async with running(switches=Switches(credit_limit=Decimal(1))) as sap:
            confirmation = await sales_order_create(sap.client, order())
            assert sap.books.sales_order(confirmation.sales_order_id).reference == "EXT-1"
    finally:
        logger.remove(sink)
    assert sorted(events) == ["sales_order.credit_blocked", "sap_message.received"]


@pytest.mark.parametrize(
    "auth",
    [
        {
            "kind": "client_credentials",
            "client_id": CREDENTIALS["client_id"],
            "client_secret": CREDENTIALS["client_secret"],
            "token_url": "{url}/sap/bc/sec/oauth2/token",
        },
        {"kind": "api_key", "key": CREDENTIALS["api_key"], "header": "APIKey"},
    ],
    ids=["oauth2", "api_key"],
)
async def test_order_is_written_with_every_kind_of_login(auth):
    async with running(auth=auth) as sap:
        await sales_order_create(sap.client, order())
        assert len(await found(sap)) == 1


async def test_user_who_may_only_read_is_refused_the_write_not_the_read():
    async with running(auth={"kind": "basic", "username": "DISPLAY", "password": "Display-1710!"}) as sap:
        assert await available(sap, "85000A") == [Decimal(100)]
        with pytest.raises(AccessRefused, match="V1/598"):
            await sales_order_create(sap.client, order())
        assert sap.books.census()["sales_orders"] == 0


async def test_wrong_password_is_an_access_refused():
    async with running(auth={"kind": "basic", "username": "TANDEM", "password": "wrong"}) as sap:
        with pytest.raises(AccessRefused):
            await available(sap, "85000A")


async def test_messages_come_in_the_language_of_the_settings():
    async with running(language="ZH") as sap:
        with pytest.raises(ValidationFailed, match="未定义货币 XXX"):
            await sales_order_create(sap.client, order(currency="XXX"))


async def test_service_that_is_not_active_is_not_offered_by_this_channel(sap):
    inactive = Service(sap.port, "API_SALES_QUOTATION_SRV", {})
    with pytest.raises(NotOffered, match="API_SALES_QUOTATION_SRV"):
        await inactive.read("A_SalesQuotation")
    with pytest.raises(NotOffered, match="API_SALES_QUOTATION_SRV"):
        await inactive.create("A_SalesQuotation", {})


async def test_field_the_edition_lacks_is_not_offered_by_this_channel():
    async with running(switches=Switches(edition="cloud")) as sap:
        body = new_order(order(), SETTINGS) | {"PaymentGuaranteeProcedure": "X"}
        with pytest.raises(NotOffered, match="PaymentGuaranteeProcedure"):
            await sap.client.sales_orders.create("A_SalesOrder", body)


async def test_csrf_token_that_expired_is_fetched_anew_and_the_order_written_once():
    async with running("csrf_expired:sales_order.create:x1+1") as sap:
        await sales_order_create(sap.client, order("EXT-1"))
        _, calls = await sap.calls(sales_order_create(sap.client, order("EXT-2")))
        assert calls == 3
        assert sap.books.census()["sales_orders"] == 2


async def test_many_writers_with_one_expired_token_fetch_one_new_one(sap):
    await sales_order_create(sap.client, order("EXT-0"))
    await sap.expire_sessions()
    writes = asyncio.gather(*(sales_order_create(sap.client, order(f"EXT-{number}")) for number in range(1, 21)))
    _, calls = await sap.calls(writes)
    assert calls == 20 + 1 + 20
    assert sap.books.duplicates() == {}
    assert sap.books.census()["sales_orders"] == 21


async def test_token_refused_twice_in_a_row_is_a_login_that_expired():
    async with running("csrf_expired:sales_order.create:1") as sap:
        with pytest.raises(LoginExpired):
            await sales_order_create(sap.client, order())
        assert sap.books.census()["sales_orders"] == 0


async def test_order_changed_meanwhile_is_read_again_and_cancelled():
    async with running("stale_etag:sales_order.cancel:x1") as sap:
        confirmation = await sales_order_create(sap.client, order())
        await sales_order_cancel(sap.client, confirmation.compensation())
        assert (await found(sap))[0].cancelled


async def test_order_changed_all_the_time_is_locked_and_stays_as_it_is():
    async with running("stale_etag:sales_order.cancel:1") as sap:
        confirmation = await sales_order_create(sap.client, order())
        with pytest.raises(DocumentLocked):
            await sales_order_cancel(sap.client, confirmation.compensation())
        assert not (await found(sap))[0].cancelled


@pytest.mark.parametrize(
    ("fault", "error", "written"),
    [
        ("reset_before_commit", UnknownOutcome, 0),
        ("reset_after_commit", UnknownOutcome, 1),
        ("lost_answer", UnknownOutcome, 1),
        ("late_answer", UnknownOutcome, 1),
        ("error_500_before_commit", UnknownOutcome, 0),
        ("error_500_after_commit", UnknownOutcome, 1),
        ("error_503_after_commit", UnknownOutcome, 1),
        ("maintenance", UnknownOutcome, 0),
        ("locked", DocumentLocked, 0),
    ],
)
async def test_fault_while_an_order_is_written_says_what_is_known(fault, error, written):
    async with running() as sap:
        await sap.open_session()
        sap.faults.add(f"{fault}:sales_order.create:x1" + (":3" if fault == "late_answer" else ""))
        with pytest.raises(error):
            await sales_order_create(sap.client, order())
        assert sap.books.census()["sales_orders"] == written


async def test_system_that_no_longer_listens_is_unreachable_and_nothing_is_written():
    async with running("refuse:sales_order.create:x1:3") as sap:
        with pytest.raises(UnknownOutcome):
            await sales_order_create(sap.client, order())
        with pytest.raises(Unreachable):
            await sales_order_create(sap.client, order())
        assert sap.books.census()["sales_orders"] == 0


@pytest.mark.parametrize("fault", ["maintenance", "error_500_before_commit", "reset_before_commit"])
async def test_fault_before_the_write_itself_means_not_sent(fault):
    async with running(f"{fault}:session.open:1") as sap:
        with pytest.raises(NotSent):
            await sales_order_create(sap.client, order())


@pytest.mark.parametrize("fault", ["reset_before_commit", "error_500_before_commit", "maintenance", "late_answer"])
async def test_fault_of_a_read_is_unavailable_for_all_that_shared_its_call(fault):
    async with running(f"{fault}:stock.check:x1" + (":3" if fault == "late_answer" else "")) as sap:
        failures = await asyncio.gather(
            *(available(sap, code) for code in ("85000A", "85001A")), return_exceptions=True
        )
        assert [type(failure) for failure in failures] == [Unavailable, Unavailable]
        assert await available(sap, "85000A") == [Decimal(100)]


async def test_quota_used_up_is_throttled_with_the_wait_sap_asks_for():
    async with running("throttle:sales_order.create:x1:7") as sap:
        with pytest.raises(Throttled) as caught:
            await sales_order_create(sap.client, order())
        assert caught.value.retry_after_s == 7
        assert sap.books.census()["sales_orders"] == 0


async def test_reads_of_many_orders_in_flight_share_calls_and_fail_alone(sap):
    await sap.open_session(sap.client.availability)
    codes = list(MATERIALS)
    checks = [available(sap, *codes[number : number + 5]) for number in range(0, 50, 5)]
    results, calls = await sap.calls(asyncio.gather(*checks, available(sap, "NOPE"), return_exceptions=True))
    assert results[:-1] == [[Decimal(100)] * 5] * 10
    assert isinstance(results[-1], MaterialUnknown)
    assert calls == 1


async def test_pages_of_a_collection_are_followed_to_the_end():
    async with running(switches=Switches(page_size=7)) as sap:
        customers, calls = await sap.calls(sap.client.business_partners.entities("A_Customer?$select=Customer"))
        assert sorted(customer["Customer"] for customer in customers) == sorted(KNOWN)
        assert calls == -(-len(KNOWN) // 7)


async def test_header_is_patched_on_condition_of_its_etag(sap):
    number = (await sales_order_create(sap.client, order())).sales_order_id
    resource = entity("A_SalesOrder", SalesOrder=number)
    orders = sap.client.sales_orders
    before = etag_of(await orders.read(resource))
    await orders.patch(resource, {"RequestedDeliveryDate": edm_date(date(2027, 4, 1))}, etag=before)
    assert (await found(sap))[0].order.requested_delivery_on == date(2027, 4, 1)
    with pytest.raises(Refused) as caught:
        await orders.patch(resource, {"RequestedDeliveryDate": edm_date(date(2027, 5, 1))}, etag=before)
    assert caught.value.status == 412


async def test_document_is_deleted_on_condition_of_its_etag(sap):
    number = (await sales_order_create(sap.client, order())).sales_order_id
    resource = entity("A_SalesOrder", SalesOrder=number)
    with pytest.raises(Refused) as caught:
        await sap.client.sales_orders.delete(resource, etag="W/\"datetimeoffset'2020-01-01T00%3A00%3A00Z'\"")
    assert caught.value.status == 412
    await sap.client.sales_orders.delete(resource, etag="*")
    assert await found(sap) == ()


async def test_changeset_with_one_wrong_change_changes_nothing(sap):
    confirmation = await sales_order_create(sap.client, order())
    items = [entity("A_SalesOrderItem", SalesOrder=confirmation.sales_order_id, SalesOrderItem=n) for n in ("10", "99")]
    changes = [Change("PATCH", item, {"RequestedQuantity": "9"}, {"If-Match": "*"}) for item in items]
    with pytest.raises(Refused) as caught:
        await sap.client.sales_orders.change_all(changes)
    assert caught.value.status == 404
    assert (await found(sap))[0].order.lines[0].quantity == 2


async def test_function_import_that_needs_post_is_told_apart_from_one_that_does_not(sap):
    call = function("DetermineAvailabilityAt", ATPCheckingRule="A", Material="85000A", SupplyingPlant="1710")
    with pytest.raises(Refused) as caught:
        await sap.client.availability.invoke(call)
    assert caught.value.status == 405
