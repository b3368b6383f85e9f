"""The parts of the SAP client that do not depend on OData's version, against SAP's own server (CAP) in OData V4.

The client itself speaks V2, as the services it uses do: its batches and its reading of refusals hold for both.
"""

import itertools
from collections.abc import AsyncIterator, Sequence

import pytest

from api_clients.sap_s4hana import batch
from api_clients.sap_s4hana.answer import Answer, Reader
from api_clients.sap_s4hana.batch import Change
from api_clients.sap_s4hana.fault import Refused
from tandem.errors import Unavailable, UnknownOutcome
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

ROOT = "odata/v4/API_SALES_ORDER_SRV"
JSON = {"accept": "application/json"}
READER = Reader("erp", "API_SALES_ORDER_SRV")
NUMBERS = itertools.count(1)


@pytest.fixture
async def v4(cap: ApiSettings) -> AsyncIterator[HttpPort]:
    port = HttpPort("erp", cap)
    yield port
    await port.aclose()


async def new_order(v4: HttpPort) -> str:
    """The number of an order of one item, made by a deep insert."""
    number = f"V4-{next(NUMBERS)}"
    header = {"SalesOrder": number, "SalesOrderType": "OR", "SalesOrganization": "1710", "SoldToParty": "17"}
    body = header | {"to_Item": [{"SalesOrderItem": "10", "Material": "85A", "RequestedQuantity": 2}]}
    assert (await v4.send("POST", f"{ROOT}/A_SalesOrder", json=body)).status_code == 201
    return number


async def sent(v4: HttpPort, encoded: tuple[str, bytes]) -> list[Answer | list[Answer]]:
    content_type, body = encoded
    headers = {"content-type": content_type, "accept": "multipart/mixed"}
    response = await v4.send("POST", f"{ROOT}/$batch", headers=headers, content=body)
    assert response.status_code == 200
    return batch.decode(response.headers["content-type"], response.content)


async def test_answer_in_version_4_is_none_that_the_client_would_believe(v4: HttpPort) -> None:
    assert 'edmx:Edmx Version="4.0"' in (await v4.send("GET", f"{ROOT}/$metadata")).text
    response = await v4.send("GET", f"{ROOT}/A_SalesOrder", headers=JSON)
    with pytest.raises(Unavailable, match="not OData JSON"):
        READER.payload(Answer(response.status_code, response.headers, response.content), safe=True)


async def test_batch_stops_at_the_first_failure_as_version_4_has_it(v4: HttpPort) -> None:
    number = await new_order(v4)
    asked = [f"A_SalesOrder('{number}')", "A_SalesOrder('NONE')", f"A_SalesOrder('{number}')"]
    parts = await sent(v4, batch.encode_reads(asked, JSON))
    assert [part.status for part in parts if isinstance(part, Answer)] == [200, 404]
    assert batch.stopped(parts, len(asked))


def changes(number: str, *reasons: str, etag: str = "*") -> Sequence[Change]:
    header = Change("PATCH", f"A_SalesOrder('{number}')", {"PurchaseOrderByCustomer": "X"}, {"If-Match": etag})
    item = f"A_SalesOrderItem(SalesOrder='{number}',SalesOrderItem='10')"
    return [header, *(Change("PATCH", item, {"SalesDocumentRjcnReason": reason}) for reason in reasons)]


async def reference(v4: HttpPort, number: str) -> str | None:
    return (await v4.send("GET", f"{ROOT}/A_SalesOrder('{number}')")).json()["PurchaseOrderByCustomer"]


async def test_changeset_that_succeeds_is_answered_part_by_part(v4: HttpPort) -> None:
    number = await new_order(v4)
    (parts,) = await sent(v4, batch.encode_changeset(changes(number, "61"), JSON))
    assert isinstance(parts, list)
    assert [part.status for part in parts] == [200, 200]
    assert await reference(v4, number) == "X"


@pytest.mark.parametrize(
    ("reason", "etag", "status", "code"), [("99", "*", 400, "VF/001"), ("61", 'W/"stale"', 412, "412")]
)
async def test_changeset_that_fails_is_one_refusal_and_changes_nothing(v4: HttpPort, reason, etag, status, code):
    number = await new_order(v4)
    (part,) = await sent(v4, batch.encode_changeset(changes(number, reason, etag=etag), JSON))
    assert isinstance(part, Answer)
    with pytest.raises(Refused) as refused:
        READER.accepted(part, safe=False)
    assert (refused.value.status, refused.value.fault.code) == (status, code)
    assert await reference(v4, number) is None


async def test_duplicate_key_is_an_unknown_outcome_because_the_server_answers_500(v4: HttpPort) -> None:
    number = await new_order(v4)
    twin = {"SalesOrder": number, "SalesOrderType": "OR", "SalesOrganization": "1710", "SoldToParty": "1"}
    with pytest.raises(UnknownOutcome):
        await v4.send("POST", f"{ROOT}/A_SalesOrder", json=twin)
