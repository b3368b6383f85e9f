"""The Salesforce REST client: single records, upserts, queries by page, limits, and answers of every shape."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from loguru import logger
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from api_clients.salesforce.client import Client
from api_clients.salesforce.composite import Change
from api_clients.salesforce.fault import Refused
from api_clients.salesforce.limits import ApiUsage, usage_of
from api_clients.salesforce.operations import Settings, connect, sales_order_read, sales_order_set_status
from api_clients.salesforce.record_id import is_id_of
from api_clients.salesforce.refusal import error_of
from api_clients.salesforce.soql import instant, instant_literal, quoted
from fixtures.salesforce.sandbox import Switches
from fixtures.sandbox.serve import serve
from tandem.domain.crm_order import CrmOrderRead, CrmOrderStatus
from tandem.errors import (
    AccessRefused,
    DocumentLocked,
    DuplicateReference,
    LoginExpired,
    LoginRefused,
    NotOffered,
    Throttled,
    Unavailable,
    UnknownOutcome,
    ValidationFailed,
)
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings
from tests.salesforce_org import retail, running

# single records


async def test_record_is_created_read_by_id_and_by_key_and_changed():
    async with running() as org:
        account = await org.client.create("Account", {"Name": "New", "ERP_Customer_Code__c": "A/1 ?#%"})
        await org.client.update("Account", account, {"BillingCountry": "Italy", "AccountNumber": None})
        by_id = await org.client.read("Account", account, ["Name", "BillingCountry", "AccountNumber"])
        by_key = await org.client.read_by_key("Account", "ERP_Customer_Code__c", "A/1 ?#%", ["Id"])
    assert (by_id["Name"], by_id["BillingCountry"], by_id["AccountNumber"]) == ("New", "Italy", None)
    assert by_key["Id"] == account


@pytest.mark.parametrize("call", ["read", "read_by_key", "update"])
async def test_record_that_is_not_there_is_refused_with_404(call):
    async with running() as org:
        calls = {
            "read": lambda: org.client.read("Account", "001Tn0000000zzzIAA", ["Id"]),
            "read_by_key": lambda: org.client.read_by_key("Account", "ERP_Customer_Code__c", "none", ["Id"]),
            "update": lambda: org.client.update("Account", "001Tn0000000zzzIAA", {"Name": "x"}),
        }
        with pytest.raises(Refused) as caught:
            await calls[call]()
    assert caught.value.status == 404


async def test_duplicate_rule_is_refused_and_not_taken_for_a_duplicate_key():
    async with running(switches=Switches(duplicate_rule=True)) as org:
        with pytest.raises(Refused) as caught:
            await org.client.create("Account", {"Name": "莉莉"})
    error = error_of(caught.value, "crm", "莉莉")
    assert type(error) is ValidationFailed
    assert "DUPLICATES_DETECTED" in str(error)


@pytest.mark.parametrize(("api_version", "tells_the_id"), [("66.0", True), ("45.0", False)])
async def test_upsert_creates_and_then_updates_the_same_record(api_version, tells_the_id):
    async with running() as org:
        client = Client(org.port, api_version=api_version)
        made = await client.upsert("Task", "Tandem_Key__c", "k-1", {"Subject": "first"})
        again = await client.upsert("Task", "Tandem_Key__c", "k-1", {"Subject": "second"})
        (task,) = org.tasks()
    assert made.created
    assert not again.created
    assert (made.record_id, again.record_id) == (task["Id"], task["Id"] if tells_the_id else None)
    assert task["Subject"] == "second"


async def test_rivals_that_upsert_the_same_key_at_once_make_one_record():
    async with running(switches=Switches(upsert_race_s=0.1)) as org:
        upserts = [org.client.upsert("Task", "Tandem_Key__c", "k-1", {"Subject": str(n)}) for n in range(4)]
        made = await asyncio.gather(*upserts)
        assert len(org.tasks()) == 1
    assert sorted(upserted.created for upserted in made) == [False, False, False, True]


@pytest.mark.parametrize("as_urls", [True, False])
async def test_key_that_several_records_have_is_a_duplicate_and_nothing_is_written(as_urls):
    async with running(switches=Switches(several_as_urls=as_urls)) as org:
        for order in ("P1", "P2"):
            await org.client.update("Order", org.ids[order], {"ERP_Order_Number__c": "7"})
        with pytest.raises(Refused) as caught:
            await org.client.upsert("Order", "ERP_Order_Number__c", "7", {"Sync_Status__c": "已同步"})
        assert {org.record("Order", org.ids[order])["Sync_Status__c"] for order in ("P1", "P2")} == {"待同步"}
    assert type(error_of(caught.value, "crm", "7")) is DuplicateReference


# queries


async def test_query_of_many_pages_gives_every_record_once():
    async with running(data=retail(long_order_lines=2500)) as org:
        items, calls = await org.counted(org.client.query("SELECT Id, UnitPrice FROM OrderItem"))
    assert len({item["Id"] for item in items}) == len(items) == 2505
    assert calls == 2
    assert isinstance(items[0]["UnitPrice"], Decimal)


async def test_page_that_expired_meanwhile_starts_the_query_anew():
    switches = Switches(open_cursors=1, child_page=2)
    async with running(data=retail(long_order_lines=5), switches=switches) as org:
        soql = "SELECT Id, (SELECT Id FROM OrderItems) FROM Order WHERE PoNumber = 'P2'"
        both = await asyncio.gather(org.client.query(soql), org.client.query(soql))
    assert [len(found[0]["OrderItems"]["records"]) for found in both] == [5, 5]


async def test_malformed_query_is_refused_with_the_vendors_code():
    async with running() as org:
        with pytest.raises(Refused) as caught:
            await org.client.query("SELECT FROM")
    assert caught.value.fault.code == "MALFORMED_QUERY"


@pytest.mark.parametrize("text", ["O'Neil", "\\", "\\'", "a\nb\tc", "' OR Name != '", "莉莉", "%_"])
async def test_quoted_text_finds_exactly_the_record_with_that_text(text):
    async with running() as org:
        account = await org.client.create("Account", {"Name": text})
        found = await org.client.query(f"SELECT Id FROM Account WHERE Name = {quoted(text)}")
    assert account in [record["Id"] for record in found]
    assert len(found) == len({"莉莉"} & {text}) + 1


# several changes at once


async def test_refused_change_undoes_those_before_it_and_is_named_by_its_position():
    async with running() as org:
        changes = [
            Change("PATCH", f"sobjects/Order/{org.ids['P1']}", {"Sync_Message__c": "x"}),
            Change("PATCH", f"sobjects/Order/{org.ids['P2']}", {"Nope__c": "x"}),
            Change("PATCH", f"sobjects/Order/{org.ids['C3']}", {"Sync_Message__c": "x"}),
        ]
        with pytest.raises(Refused) as caught:
            await org.client.change_all(changes)
        assert org.record("Order", org.ids["P1"]).get("Sync_Message__c") is None
    assert (caught.value.position, caught.value.fault.code) == (1, "INVALID_FIELD")


@pytest.mark.parametrize("count", [0, 26])
async def test_no_changes_and_too_many_are_refused_before_anything_is_sent(count):
    async with running() as org:
        before = org.port.calls
        with pytest.raises(ValueError, match="1 to 25"):
            await org.client.change_all([Change("PATCH", "sobjects/Order/x", {})] * count)
        assert org.port.calls == before


# limits


def test_usage_is_found_among_the_other_parts_of_the_header():
    header = "api-usage=10018/100000; api-bursts=1/750; per-app-api-usage=17/250(appName=sample)"
    assert usage_of({"sforce-limit-info": header}) == ApiUsage(10018, 100000)
    assert usage_of({"sforce-limit-info": "per-app-api-usage=17/250(appName=sample)"}) is None
    assert usage_of({}) is None


async def test_usage_of_the_last_answer_is_told():
    async with running(switches=Switches(daily_limit=100, limit_info_extra="; api-bursts=1/750")) as org:
        for used in (1, 2, 3):
            await org.read("P1")
            assert org.client.usage == ApiUsage(used, 100)


async def test_spent_allowance_parks_the_work_for_long_and_asks_no_more():
    async with running(switches=Switches(daily_limit=1)) as org:
        await org.read("P1")
        with pytest.raises(Throttled):
            await org.read("P1")
        before = org.port.calls
        with pytest.raises(Throttled) as caught:
            await sales_order_set_status(org.client, org.status())
        assert org.port.calls == before
    assert caught.value.retry_after_s > 600


async def test_tight_allowance_slows_down_and_is_told_once():
    events = []
    sink = logger.add(
        lambda message: events.append(message.record["extra"]), filter=lambda r: r["message"] == "quota.tight"
    )
    try:
        async with running(switches=Switches(daily_limit=20)) as org:
            for _ in range(18):
                await org.read("P1")
            assert not events
            await org.read("P1")
            started_s = org.port.clock.monotonic_s()
            await org.read("P1")
            assert org.port.clock.monotonic_s() - started_s >= 0.9
    finally:
        logger.remove(sink)
    assert [(found["used"], found["most"]) for found in events] == [(19, 20)]


# answers of every shape


@asynccontextmanager
async def answering(status: int, body: str, kind: str = "application/json", **headers: str) -> AsyncIterator[HttpPort]:
    """A port to a server that gives one and the same answer to everything."""

    async def answer(request: Request) -> Response:
        return Response(
            body, status, {name.replace("_", "-"): value for name, value in headers.items()}, media_type=kind
        )

    routes = [Route("/{rest:path}", answer, methods=["GET", "POST", "PATCH"])]
    async with serve(Starlette(routes=routes)) as server:
        port = HttpPort("crm", ApiSettings.model_validate({"url": server.url}))
        try:
            yield port
        finally:
            await port.aclose()


def refusal(code: str, message: str = "said so", key: str = "errorCode") -> str:
    return json.dumps([{"message": message, key: code, "fields": []}])


STATUS = CrmOrderStatus(external_reference="r", order_id="801Tn0000000001IAA", status="已同步")
HTML = "<html><body>Something went wrong for alice@example.com</body></html>"


async def outcomes(port: HttpPort) -> tuple[Exception, Exception]:
    """What a read and a write raise."""
    client = connect(port, Settings())
    with pytest.raises(Exception) as read:  # noqa: PT011 - the caller looks at its class
        await sales_order_read(client, CrmOrderRead(order="801Tn0000000001IAA"))
    with pytest.raises(Exception) as write:  # noqa: PT011
        await sales_order_set_status(client, STATUS)
    return read.value, write.value


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (403, refusal("INSUFFICIENT_ACCESS_OR_READONLY"), AccessRefused),
        (400, refusal("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"), AccessRefused),
        (400, refusal("INVALID_FIELD_FOR_INSERT_UPDATE"), AccessRefused),
        (403, refusal("TXN_SECURITY_NO_ACCESS"), AccessRefused),
        (403, refusal("INVALID_OPERATION_WITH_EXPIRED_PASSWORD"), AccessRefused),
        (401, refusal("INVALID_SESSION_ID"), LoginRefused),
        (403, refusal("API_DISABLED_FOR_ORG"), NotOffered),
        (400, refusal("INVALID_TYPE"), NotOffered),
        (400, refusal("INVALID_FIELD"), NotOffered),
        (404, refusal("NOT_FOUND"), NotOffered),
        (400, refusal("UNABLE_TO_LOCK_ROW"), Throttled),
        (403, refusal("REQUEST_LIMIT_EXCEEDED"), Throttled),
        (400, refusal("ENTITY_IS_LOCKED"), DocumentLocked),
        (400, refusal("FIELD_CUSTOM_VALIDATION_EXCEPTION"), ValidationFailed),
        (400, refusal("SOMETHING_NEW", key="statusCode"), ValidationFailed),
        (400, json.dumps({"success": False, "errors": json.loads(refusal("ENTITY_IS_LOCKED"))}), DocumentLocked),
        (403, json.dumps({"error": "Bad_OAuth_Token"}), LoginExpired),
        (400, refusal("STORAGE_LIMIT_EXCEEDED"), Unavailable),
    ],
    ids=str,
)
async def test_refusal_means_the_same_to_a_read_and_a_write(status, body, expected):
    async with answering(status, body) as port:
        read, write = await outcomes(port)
    assert type(read) is expected
    assert type(write) is expected


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, HTML, "text/html"),
        (200, "", "application/json"),
        (200, "[]", "application/json"),
        (200, '{"compositeResponse": [], "records": 7, "done": true}', "application/json"),
        (200, '{"records": [], "done": false}', "application/json"),
        (200, '{"records": [{"Id": "801Tn0000000001IAA"}], "done": true}', "application/json"),
        (404, HTML, "text/html"),
        (420, HTML, "text/html"),
        (414, "", "text/plain"),
        (400, "<?xml version='1.0'?><Errors/>", "application/xml"),
        (302, "", "text/html"),
        (503, HTML, "text/html"),
        (500, refusal("UNKNOWN_EXCEPTION"), "application/json"),
    ],
    ids=str,
)
async def test_answer_nobody_can_believe_is_unavailable_to_a_read_and_unknown_to_a_write(status, body, kind):
    async with answering(status, body, kind) as port:
        read, write = await outcomes(port)
    assert type(read) is Unavailable
    assert type(write) is UnknownOutcome
    assert "alice" not in f"{read} {write}"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([{"httpStatusCode": 204, "body": None}] * 2, UnknownOutcome),
        ([{"httpStatusCode": 300, "body": ["/services/data/v66.0/sobjects/Order/801"]}], UnknownOutcome),
        ([{"httpStatusCode": 500, "body": [{"errorCode": "UNKNOWN_EXCEPTION", "message": ""}]}], UnknownOutcome),
        ([{"httpStatusCode": 400, "body": [{"errorCode": "PROCESSING_HALTED", "message": ""}]}], UnknownOutcome),
        ([{"httpStatusCode": None}], UnknownOutcome),
        (["?"], UnknownOutcome),
        ([{"httpStatusCode": 400, "body": [{"errorCode": "UNABLE_TO_LOCK_ROW", "message": ""}]}], Throttled),
        (
            [{"httpStatusCode": 403, "body": [{"errorCode": "INSUFFICIENT_ACCESS_OR_READONLY", "message": ""}]}],
            AccessRefused,
        ),
    ],
    ids=str,
)
async def test_composite_answer_without_a_cause_is_unknown_and_one_with_a_cause_is_a_refusal(parts, expected):
    async with answering(200, json.dumps({"compositeResponse": parts})) as port:
        with pytest.raises(expected) as caught:
            await sales_order_set_status(connect(port, Settings()), STATUS)
    assert type(caught.value) is expected


@pytest.mark.parametrize(
    ("headers", "wait_s"),
    [
        ({"sforce_limit_info": "api-usage=100/100"}, 3600),
        ({"sforce_limit_info": "api-usage=7/100"}, 10),
        ({}, 10),
        ({"sforce_limit_info": "api-usage=100/100", "retry_after": "40"}, 40),
    ],
    ids=str,
)
async def test_one_code_for_two_limits_is_told_apart_by_the_usage(headers, wait_s):
    async with answering(403, refusal("REQUEST_LIMIT_EXCEEDED", "别的语言"), **headers) as port:
        with pytest.raises(Throttled) as caught:
            await sales_order_read(connect(port, Settings()), CrmOrderRead(order="x"))
    assert caught.value.retry_after_s == wait_s


async def test_vendors_words_are_cut_and_freed_of_personal_data():
    said = "Name: data value too large: alice@example.com +49 171 5551234 " + "x" * 5000
    async with answering(400, refusal("STRING_TOO_LONG", said)) as port:
        _, write = await outcomes(port)
    assert "alice" not in str(write)
    assert "5551234" not in str(write)
    assert "STRING_TOO_LONG" in str(write)
    assert len(str(write)) < 500


# words of the protocol


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("801A0000006Vm9r", True),
        ("801Tn0000000001IAA", True),
        ("801Tn0000000001IAB", False),
        ("001Tn0000000001IAA", False),
        ("801", False),
        ("801Tn0000000001IAA0", False),
        ("801Tn000000000é", False),
    ],
)
def test_only_an_id_with_the_objects_prefix_and_a_right_checksum_is_one(text, expected):
    assert is_id_of("801", text) is expected


def test_instants_keep_their_moment_whatever_their_offset():
    moment = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)
    assert instant("2026-01-31T08:00:00.000+0000") == instant("2026-01-31T09:00:00+01:00") == moment
    assert instant_literal(moment + timedelta(milliseconds=900)) == "2026-01-31T08:00:00Z"
    with pytest.raises(ValueError, match="offset"):
        instant("2026-01-31T08:00:00")
