"""The SAP client against SAP's own OData server (CAP) through its OData V2 adapter, and beside it against our sandbox.

CAP has neither Gateway's CSRF tokens nor S/4's business rules; what it checks by itself is the protocol, and there the
sandbox has to be the same to the client.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from decimal import Decimal

import pyodata
import pytest
import requests
from pydantic import SecretStr
from pyodata.v2.model import Schema

from api_clients.sap_s4hana.batch import Change
from api_clients.sap_s4hana.entity import Entity, etag_of, expanded
from api_clients.sap_s4hana.fault import Refused
from api_clients.sap_s4hana.literals import entity, query
from api_clients.sap_s4hana.operations import (
    Client,
    Settings,
    connect,
    sales_order_cancel,
    sales_order_changed,
    sales_order_create,
    sales_order_find,
)
from fixtures.retail import Retail, RetailCustomer, RetailProduct
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from fixtures.sap_s4hana.books import Books
from fixtures.sap_s4hana.sandbox import CREDENTIALS, Switches, build
from tandem.domain.changes import OrdersChanged
from tandem.domain.sales_order import SalesOrder, SalesOrderCancel, SalesOrderLine, SalesOrderLookup
from tandem.errors import DocumentNotFound, LoginRefused, NotOffered, UnknownOutcome
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings, BasicAuth

SETTINGS = Settings(sales_organization="1710", distribution_channel="10", division="00", plant="1710")
SERVICE = "sap/opu/odata/sap/API_SALES_ORDER_SRV"
MATERIALS = [f"{85000 + number}A" for number in range(9)]
RETAIL = Retail(
    orders=(),
    customers=tuple(RetailCustomer(str(17000 + number), f"Customer {number}", "France") for number in range(200)),
    products=tuple(RetailProduct(code, f"Article {code}", Decimal("2.55")) for code in MATERIALS),
    stock=dict.fromkeys(MATERIALS, Decimal(10_000)),
)
CUSTOMER = next(number for number, each in Books.of(RETAIL).customers.items() if not each.order_block)
NUMBERS = itertools.count(1)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ApiSettings]:
    with serve(build(RETAIL, FaultPlan(), Switches(page_size=4))) as server:
        auth = {"kind": "basic", "username": CREDENTIALS["username"], "password": CREDENTIALS["password"]}
        yield ApiSettings.model_validate({"url": server.url, "auth": auth})


@pytest.fixture
async def real(cap: ApiSettings) -> AsyncIterator[Client]:
    """CAP alone."""
    async with connected(cap) as client:
        yield client


@pytest.fixture(params=["cap", "sandbox"])
async def sap(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """CAP, and then the sandbox."""
    async with connected(request.getfixturevalue(request.param)) as client:
        yield client


@asynccontextmanager
async def connected(settings: ApiSettings) -> AsyncIterator[Client]:
    port = HttpPort("erp", settings)
    try:
        yield connect(port, SETTINGS)
    finally:
        await port.aclose()


def order(reference: str | None = None, lines: int = 2) -> SalesOrder:
    return SalesOrder(
        external_reference=reference or f"CAP-{next(NUMBERS)}",
        sold_to_party=CUSTOMER,
        currency="GBP",
        requested_delivery_on=date(2027, 3, 1),
        lines=tuple(
            SalesOrderLine(
                line_number=10 * number,
                material=MATERIALS[number],
                quantity=Decimal(2),
                unit="PC",
                net_price=Decimal("1.255"),
                site="1710",
            )
            for number in range(1, lines + 1)
        ),
    )


def lookup(asked: SalesOrder) -> SalesOrderLookup:
    return SalesOrderLookup(external_reference=asked.external_reference, sold_to_party=asked.sold_to_party)


async def created(sap: Client) -> str:
    return (await sales_order_create(sap, order())).sales_order_id


async def read(sap: Client, number: str) -> Entity:
    return await sap.sales_orders.read(query(entity("A_SalesOrder", SalesOrder=number), expand="to_Item"))


async def rejections(sap: Client, number: str) -> list[str]:
    return [item["SalesDocumentRjcnReason"] for item in expanded((await read(sap, number))["to_Item"])]


def rejection(number: str, item: str, reason: str) -> Change:
    resource = entity("A_SalesOrderItem", SalesOrder=number, SalesOrderItem=item)
    return Change("PATCH", resource, {"SalesDocumentRjcnReason": reason}, {"If-Match": "*"})


def renaming(number: str, **headers: str) -> Change:
    return Change("PATCH", entity("A_SalesOrder", SalesOrder=number), {"PurchaseOrderByCustomer": "RENAMED"}, headers)


async def test_deep_insert_is_stored_whole_and_found_equal_by_its_reference(sap: Client) -> None:
    asked = order(reference="50% + 'O''Neil' & {ö}#?/1")
    confirmation = await sales_order_create(sap, asked)
    found = await sales_order_find(sap, lookup(asked))
    assert [document.sales_order_id for document in found.documents] == [confirmation.sales_order_id]
    assert found.documents[0].order == asked


async def test_pages_of_the_server_are_followed_to_the_last_order(sap: Client) -> None:
    asked = order()
    numbers = [(await sales_order_create(sap, asked)).sales_order_id for _ in range(9)]
    before = sap.http.calls
    found = await sales_order_find(sap, lookup(asked))
    assert [document.sales_order_id for document in found.documents] == numbers
    assert sap.http.calls - before == 3


async def test_changed_orders_come_once_each_with_the_stamp_of_their_last_change(sap: Client) -> None:
    numbers = [await created(sap) for _ in range(5)]
    start = await sales_order_changed(sap, OrdersChanged())
    assert set(numbers) <= set(start.order_ids)
    assert len(set(start.order_ids)) == len(start.order_ids)
    etag = etag_of(await read(sap, numbers[0]))
    assert etag is not None
    await sap.sales_orders.patch(
        entity("A_SalesOrder", SalesOrder=numbers[0]), {"PurchaseOrderByCustomer": "X"}, etag=etag
    )
    after = await sales_order_changed(sap, OrdersChanged(since=start.watermark))
    stamps = dict(zip(after.order_ids, after.stamps, strict=True))
    assert after.watermark > start.watermark
    assert after.watermark.isoformat() == stamps[numbers[0]] == max(after.stamps)


async def test_cancelled_order_has_every_item_rejected_in_one_changeset(sap: Client) -> None:
    asked = order(lines=3)
    number = (await sales_order_create(sap, asked)).sales_order_id
    before = sap.http.calls
    await sales_order_cancel(sap, SalesOrderCancel(sales_order_id=number, external_reference=asked.external_reference))
    assert sap.http.calls - before == 2
    assert await rejections(sap, number) == ["61", "61", "61"]
    assert [document.cancelled for document in (await sales_order_find(sap, lookup(asked))).documents] == [True]


async def test_order_that_is_not_there_cannot_be_cancelled(sap: Client) -> None:
    with pytest.raises(DocumentNotFound):
        await sales_order_cancel(sap, SalesOrderCancel(sales_order_id="9999999", external_reference="X"))


async def test_failing_changeset_is_refused_as_one_and_rolled_back_as_a_whole(sap: Client) -> None:
    number = await created(sap)
    with pytest.raises(Refused) as refused:
        await sap.sales_orders.change_all([rejection(number, "10", "61"), rejection(number, "20", "99")])
    assert refused.value.status == 400
    assert "99" in refused.value.fault.sentence
    assert await rejections(sap, number) == ["", ""]


@pytest.mark.parametrize(("headers", "status"), [({"If-Match": 'W/"2020-01-01T00:00:00.000Z"'}, 412), ({}, 428)])
async def test_changeset_with_a_stale_or_no_etag_changes_nothing(sap: Client, headers, status) -> None:
    number = await created(sap)
    with pytest.raises(Refused) as refused:
        await sap.sales_orders.change_all([rejection(number, "10", "61"), renaming(number, **headers)])
    assert refused.value.status == status
    assert await rejections(sap, number) == ["", ""]


async def test_stale_etag_is_a_conflict_and_a_missing_one_is_asked_for(sap: Client) -> None:
    number = await created(sap)
    resource, etag = entity("A_SalesOrder", SalesOrder=number), etag_of(await read(sap, number))
    assert etag is not None
    await sap.sales_orders.patch(resource, {"PurchaseOrderByCustomer": "FIRST"}, etag=etag)
    for given, status in ((etag, 412), ("", 428)):
        with pytest.raises(Refused) as refused:
            await sap.sales_orders.patch(resource, {"PurchaseOrderByCustomer": "SECOND"}, etag=given)
        assert refused.value.status == status
        with pytest.raises(Refused) as refused:
            await sap.sales_orders.delete(resource, etag=given)
        assert refused.value.status == status
    assert (await read(sap, number))["PurchaseOrderByCustomer"] == "FIRST"


async def test_duplicate_key_is_an_unknown_outcome_because_the_server_answers_500(real: Client) -> None:
    number = await created(real)
    before = await read(real, number)
    twin = {"SalesOrder": number, "SalesOrderType": "OR", "SalesOrganization": "1710", "SoldToParty": "1"}
    with pytest.raises(UnknownOutcome):
        await real.sales_orders.create("A_SalesOrder", twin)
    assert await read(real, number) == before


async def test_missing_mandatory_fields_are_refused_with_each_message(real: Client) -> None:
    with pytest.raises(Refused) as refused:
        await real.sales_orders.create("A_SalesOrder", {"SalesOrderType": "OR"})
    assert refused.value.fault.codes == ("MULTIPLE_ERRORS", "ASSERT_MANDATORY", "ASSERT_MANDATORY")


async def test_field_the_service_lacks_is_not_offered(sap: Client) -> None:
    with pytest.raises(NotOffered, match="FieldOfNextYear"):
        await sap.sales_orders.create("A_SalesOrder", {"SalesOrderType": "OR", "FieldOfNextYear": "1"})


async def test_service_the_server_lacks_is_not_offered(real: Client) -> None:
    with pytest.raises(NotOffered, match="API_BUSINESS_PARTNER"):
        await real.business_partners.read("A_BusinessPartner('1')")


async def test_reads_of_one_moment_travel_together_and_one_that_fails_spoils_no_other(real: Client) -> None:
    numbers = [await created(real) for _ in range(3)]
    asked = [numbers[0], "9999999", numbers[1], "9999998", numbers[2]]
    before = real.http.calls
    answers = await asyncio.gather(*(read(real, number) for number in asked), return_exceptions=True)
    assert [answer["SalesOrder"] for answer in answers if isinstance(answer, dict)] == numbers
    assert [answer.status for answer in answers if isinstance(answer, Refused)] == [404, 404]
    assert real.http.calls - before == 3


async def test_references_of_ten_orders_are_looked_up_in_one_call(sap: Client) -> None:
    asked = [order() for _ in range(10)]
    for each in asked:
        await sales_order_create(sap, each)
    before = sap.http.calls
    found = await asyncio.gather(*(sales_order_find(sap, lookup(each)) for each in asked))
    assert [[document.order for document in each.documents] for each in found] == [[each] for each in asked]
    assert sap.http.calls - before == 1


async def test_wrong_password_is_a_refused_login(cap: ApiSettings) -> None:
    wrong = BasicAuth(kind="basic", username="TANDEM", password=SecretStr("wrong"))
    async with connected(cap.model_copy(update={"auth": wrong})) as client:
        with pytest.raises(LoginRefused):
            await sales_order_find(client, lookup(order()))


def schema(settings: ApiSettings) -> Schema:
    assert isinstance(settings.auth, BasicAuth)
    with requests.Session() as session:
        session.auth = (settings.auth.username, settings.auth.password.get_secret_value())
        return pyodata.Client(f"{settings.url}/{SERVICE}/", session).schema


def facets(metadata: Schema, entity_type: str) -> dict[str, tuple[str, object, object, object]]:
    return {
        field.name: (field.typ.name, field.max_length, field.precision, field.scale)
        for field in metadata.entity_type(entity_type).proprties()
    }


def test_metadata_of_the_server_and_of_the_sandbox_agree_on_every_field_they_share(cap, sandbox) -> None:
    theirs, ours = schema(cap), schema(sandbox)
    for kind in ("A_SalesOrder", "A_SalesOrderItem", "A_SalesOrderItemPrElement"):
        published = facets(ours, f"{kind}Type")
        assert facets(theirs, kind) == {name: published[name] for name in facets(theirs, kind)}
