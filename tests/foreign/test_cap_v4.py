"""The SAP client's service against SAP's own server (CAP) in OData V4.

The operations use V2 services; what the client does with a service of either version is the same.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from api_clients.sap_s4hana.batch import Change
from api_clients.sap_s4hana.entity import Entity, etag_of, expanded
from api_clients.sap_s4hana.fault import Refused
from api_clients.sap_s4hana.literals import entity, equal, query
from api_clients.sap_s4hana.service import Service
from api_clients.sap_s4hana.version4 import as_version_2
from tandem.errors import NotOffered, UnknownOutcome
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

NUMBERS = itertools.count(1)
HEADER = {"SalesOrderType": "OR", "SalesOrganization": "1710", "SoldToParty": "17"}


@pytest.fixture
async def port(cap: ApiSettings) -> AsyncIterator[HttpPort]:
    port = HttpPort("erp", cap)
    yield port
    await port.aclose()


@pytest.fixture
def v4(port: HttpPort) -> Service:
    return Service(port, "API_SALES_ORDER_SRV", {}, under="odata/v4")


async def new_order(v4: Service, items: int = 1, **header: object) -> str:
    """The number of an order, made by a deep insert."""
    number = f"V4-{next(NUMBERS)}"
    lines = [
        {"SalesOrderItem": str(10 * position), "Material": "85A", "RequestedQuantity": "2.125"}
        for position in range(1, items + 1)
    ]
    created = await v4.create("A_SalesOrder", {"SalesOrder": number, **HEADER, **header, "to_Item": lines})
    assert created["SalesOrder"] == number
    return number


async def read(v4: Service, number: str) -> Entity:
    return await v4.read(query(entity("A_SalesOrder", SalesOrder=number), expand="to_Item"))


async def reasons(v4: Service, number: str) -> list[str]:
    return [item["SalesDocumentRjcnReason"] for item in expanded((await read(v4, number))["to_Item"])]


async def test_it_is_version_4_that_answers(port: HttpPort) -> None:
    metadata = await port.send("GET", "odata/v4/API_SALES_ORDER_SRV/$metadata")
    assert 'edmx:Edmx Version="4.0"' in metadata.text


async def test_deep_insert_is_stored_whole_with_the_digits_it_was_given(v4: Service) -> None:
    number = await new_order(v4, items=3, PurchaseOrderByCustomer="V4 {ö} 'O''Neil' & 50% +#?/1")
    found = await read(v4, number)
    assert [item["SalesOrderItem"] for item in expanded(found["to_Item"])] == ["10", "20", "30"]
    assert {item["RequestedQuantity"] for item in expanded(found["to_Item"])} == {Decimal("2.125")}
    resource = query("A_SalesOrder", filter=equal("PurchaseOrderByCustomer", "V4 {ö} 'O''Neil' & 50% +#?/1"))
    assert [order["SalesOrder"] for order in await v4.entities(resource)] == [number]


async def test_pages_of_the_server_are_followed_to_the_last_order(v4: Service, port: HttpPort) -> None:
    reference = f"PAGES-{next(NUMBERS)}"
    numbers = [await new_order(v4, PurchaseOrderByCustomer=reference) for _ in range(9)]
    before = port.calls
    resource = query("A_SalesOrder", filter=equal("PurchaseOrderByCustomer", reference), expand="to_Item")
    found = await v4.entities(resource)
    assert sorted(order["SalesOrder"] for order in found) == sorted(numbers)
    assert [len(expanded(order["to_Item"])) for order in found] == [1] * 9
    assert port.calls - before == 3, "CAP makes pages of four"


async def test_stale_etag_is_a_conflict_and_a_missing_one_is_asked_for(v4: Service) -> None:
    number = await new_order(v4)
    resource, etag = entity("A_SalesOrder", SalesOrder=number), etag_of(await read(v4, number))
    assert etag is not None
    await v4.patch(resource, {"PurchaseOrderByCustomer": "FIRST"}, etag=etag)
    for given, status in ((etag, 412), ("", 428)):
        with pytest.raises(Refused) as refused:
            await v4.patch(resource, {"PurchaseOrderByCustomer": "SECOND"}, etag=given)
        assert refused.value.status == status
        with pytest.raises(Refused) as refused:
            await v4.delete(resource, etag=given)
        assert refused.value.status == status
    found = await read(v4, number)
    assert found["PurchaseOrderByCustomer"] == "FIRST"
    await v4.delete(resource, etag=etag_of(found) or "")
    with pytest.raises(Refused) as refused:
        await read(v4, number)
    assert refused.value.status == 404


async def test_duplicate_key_is_an_unknown_outcome_because_the_server_answers_500(v4: Service) -> None:
    number = await new_order(v4)
    before = await read(v4, number)
    with pytest.raises(UnknownOutcome):
        await v4.create("A_SalesOrder", {"SalesOrder": number, **HEADER, "SoldToParty": "1"})
    assert await read(v4, number) == before


async def test_missing_mandatory_fields_are_refused_with_each_message(v4: Service) -> None:
    with pytest.raises(Refused) as refused:
        await v4.create("A_SalesOrder", {"SalesOrderType": "OR"})
    assert refused.value.fault.codes == ("MULTIPLE_ERRORS", "ASSERT_MANDATORY", "ASSERT_MANDATORY")


async def test_field_the_service_lacks_is_not_offered(v4: Service) -> None:
    with pytest.raises(NotOffered, match="FieldOfNextYear"):
        await v4.create("A_SalesOrder", {**HEADER, "FieldOfNextYear": "1"})


async def test_service_the_server_lacks_is_not_offered(port: HttpPort) -> None:
    with pytest.raises(NotOffered, match="API_BUSINESS_PARTNER"):
        await Service(port, "API_BUSINESS_PARTNER", {}, under="odata/v4").read("A_BusinessPartner('1')")


async def test_reads_of_one_moment_travel_together_and_are_asked_on_after_one_that_fails(
    v4: Service, port: HttpPort
) -> None:
    numbers = [await new_order(v4) for _ in range(3)]
    asked = [numbers[0], "NONE", numbers[1], "NONE-2", numbers[2]]
    before = port.calls
    answers = await asyncio.gather(*(read(v4, number) for number in asked), return_exceptions=True)
    assert [answer["SalesOrder"] for answer in answers if isinstance(answer, dict)] == numbers
    assert [answer.status for answer in answers if isinstance(answer, Refused)] == [404, 404]
    assert port.calls - before == 3, "version 4 stops a batch at its first failure"


def changes(number: str, *reasons: str, **headers: str) -> list[Change]:
    header = Change("PATCH", entity("A_SalesOrder", SalesOrder=number), {"PurchaseOrderByCustomer": "X"}, headers)
    items = ("10", "20")
    return [
        header,
        *(
            Change(
                "PATCH",
                entity("A_SalesOrderItem", SalesOrder=number, SalesOrderItem=item),
                {"SalesDocumentRjcnReason": reason},
            )
            for item, reason in zip(items, reasons, strict=True)
        ),
    ]


async def test_changeset_that_succeeds_changes_all(v4: Service) -> None:
    number = await new_order(v4, items=2)
    await v4.change_all(changes(number, "61", "61", **{"If-Match": "*"}))
    assert await reasons(v4, number) == ["61", "61"]
    assert (await read(v4, number))["PurchaseOrderByCustomer"] == "X"


@pytest.mark.parametrize(
    ("reason", "headers", "status", "code"),
    [
        ("99", {"If-Match": "*"}, 400, "VF/001"),
        ("61", {"If-Match": 'W/"stale"'}, 412, "412"),
        ("61", {}, 428, "428"),
    ],
)
async def test_changeset_that_fails_is_one_refusal_and_changes_nothing(v4: Service, reason, headers, status, code):
    number = await new_order(v4, items=2)
    with pytest.raises(Refused) as refused:
        await v4.change_all(changes(number, "61", reason, **headers))
    assert (refused.value.status, refused.value.fault.code) == (status, code)
    assert await reasons(v4, number) == ["", ""]
    assert (await read(v4, number))["PurchaseOrderByCustomer"] is None


def test_items_that_go_on_elsewhere_keep_their_next_page() -> None:
    body = {"@odata.context": "$metadata#A/$entity", "to_Item": [{"N": 1}], "to_Item@odata.nextLink": "B"}
    assert as_version_2(body) == {"to_Item": {"results": [{"N": 1}], "__next": "B"}}
