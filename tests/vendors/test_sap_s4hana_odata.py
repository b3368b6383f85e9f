"""The OData V2 codecs of the SAP client: literals, values, faults, batches, prices, gathering of reads."""

import asyncio
import json
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from api_clients.sap_s4hana import batch
from api_clients.sap_s4hana.answer import Answer, Reader
from api_clients.sap_s4hana.batch import Change, MalformedBatch
from api_clients.sap_s4hana.coalescer import LARGEST, ReadCoalescer
from api_clients.sap_s4hana.fault import Fault, Refused, fault_of
from api_clients.sap_s4hana.literals import entity, equal, function, literal, query
from api_clients.sap_s4hana.price import condition, net_price
from api_clients.sap_s4hana.refusal import business_error
from api_clients.sap_s4hana.values import bare, day, edm_date, edm_decimal, instant, number
from tandem.errors import (
    AccessRefused,
    BusinessPartnerUnknown,
    CreditBlocked,
    DocumentLocked,
    DocumentNotFound,
    MaterialUnknown,
    NotOffered,
    Throttled,
    Unavailable,
    UnknownOutcome,
    ValidationFailed,
)

READER = Reader("erp", "API_SALES_ORDER_SRV")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("O'Neil", "'O''Neil'"),
        (True, "true"),
        (7, "7"),
        (Decimal("1E+3"), "1000M"),
        (date(2026, 12, 1), "datetime'2026-12-01T00:00:00'"),
        (datetime(2026, 12, 1, 12, tzinfo=UTC), "datetimeoffset'2026-12-01T12:00:00Z'"),
    ],
)
def test_literal_of_each_type_is_written_as_odata_v2_wants_it(value, written):
    assert literal(value) == written


def test_keys_and_options_are_percent_encoded_once():
    assert entity("A_SalesOrder", SalesOrder="1") == "A_SalesOrder('1')"
    assert entity("A_Item", A="x/y&z", B="ö") == "A_Item(A='x%2Fy%26z',B='%C3%B6')"
    assert (
        query("A", filter=equal("Ref", "50% + 'x' & {y}#"))
        == "A?$filter=Ref%20eq%20'50%25%20%2B%20''x''%20%26%20%7By%7D%23'"
    )
    assert function("F", Material="TG 11", At=datetime(2026, 1, 2, tzinfo=UTC)) == (
        "F?Material='TG%2011'&At=datetimeoffset'2026-01-02T00:00:00Z'"
    )


@pytest.mark.parametrize("when", [date(1969, 12, 31), date(1970, 1, 1), date(2024, 2, 29), date(9999, 12, 31)])
def test_day_survives_the_way_to_sap_and_back(when):
    assert day(edm_date(when)) == when


def test_dates_are_read_in_every_form_sap_writes():
    assert edm_date(date(2016, 8, 13)) == "/Date(1471046400000)/"
    assert instant("/Date(1472796947125+0000)/") == datetime(2016, 9, 2, 6, 15, 47, 125000, tzinfo=UTC)
    assert instant("/Date(1472796947125+0480)/") == instant("/Date(1472796947125)/")
    assert instant("2026-12-01T00:00:00") == datetime(2026, 12, 1, tzinfo=UTC)
    assert day(None) is None
    assert day("") is None


@pytest.mark.parametrize("text", ["/Date(99999999999999999)/", "yesterday", "/Date()/"])
def test_date_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match=r"."):
        instant(text)


def test_numbers_are_exact_and_never_in_exponent_form():
    assert edm_decimal(Decimal("1E+5")) == "100000"
    assert edm_decimal(Decimal("0.000000001")) == "0.000000001"
    assert number(" 52.65 ") == Decimal("52.65")
    assert number(3) == Decimal(3)
    with pytest.raises(ValueError, match="decimal"):
        number("1,5")


def test_only_purely_numeric_keys_lose_their_leading_zeros():
    assert [bare(key) for key in ("0000012345", "12345", "000", "0A1", "85123A", "٠١")] == [
        "12345",
        "12345",
        "0",
        "0A1",
        "85123A",
        "٠١",
    ]


@pytest.mark.parametrize(
    ("price", "currency", "rate", "per"),
    [
        ("12.5", "GBP", "12.50", "1"),
        ("0.125", "GBP", "1.25", "10"),
        ("0.000001", "EUR", "0.01", "10000"),
        ("100", "JPY", "100", "1"),
        ("0.55", "JPY", "55", "100"),
        ("0.0015", "KWD", "0.015", "10"),
        ("0", "EUR", "0.00", "1"),
    ],
)
def test_price_finer_than_its_currency_is_given_per_more_units(price, currency, rate, per):
    element = condition("PPR0", Decimal(price), currency, "PC")
    assert (element["ConditionRateValue"], element["ConditionQuantity"]) == (rate, per)
    assert net_price({"to_PricingElement": {"results": [element]}}, "PPR0") == Decimal(price)


def test_price_finer_than_sap_keeps_is_refused_before_it_is_sent():
    with pytest.raises(ValueError, match="decimals"):
        condition("PPR0", Decimal("0.0000001"), "EUR", "PC")


def test_price_of_an_item_is_that_of_its_active_condition():
    elements = [
        {
            "ConditionType": "PPR0",
            "ConditionRateValue": "9.00",
            "ConditionQuantity": "1",
            "ConditionInactiveReason": "X",
        },
        {
            "ConditionType": "DRV1",
            "ConditionRateValue": "1.00",
            "ConditionQuantity": "1",
            "ConditionInactiveReason": "",
        },
        {
            "ConditionType": "PPR0",
            "ConditionRateValue": "7.50",
            "ConditionQuantity": "1",
            "ConditionInactiveReason": "",
        },
    ]
    assert net_price({"to_PricingElement": {"results": elements}}, "PPR0") == Decimal("7.5")
    without = {"to_PricingElement": {"__deferred": {"uri": "…"}}, "NetAmount": "10.00", "RequestedQuantity": "4"}
    assert net_price(without, "PPR0") == Decimal("2.5")


def error_body(code: str, text: str = "said", *details: tuple[str, str, str]) -> bytes:
    listed = [{"code": c, "message": m, "severity": s} for c, m, s in details]
    inner = {"transactionid": "4AB0", "errordetails": listed}
    return json.dumps({"error": {"code": code, "message": {"lang": "en", "value": text}, "innererror": inner}}).encode()


def test_fault_is_read_from_json_of_both_versions_and_from_xml():
    v2 = fault_of(error_body("SY/530", "Order not created", ("V1/382", "Material X", "error"), ("A/1", "fyi", "info")))
    assert v2 == Fault("SY/530", "Order not created", (("V1/382", "Material X"),), "4AB0")
    v4 = fault_of(b'{"error":{"code":"V1/382","message":"Material X","details":[{"code":"V1/9","message":"also"}]}}')
    assert v4 == Fault("V1/382", "Material X", (("V1/9", "also"),))
    xml = fault_of(
        b'<?xml version="1.0"?><error xmlns="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata">'
        b'<code>/IWFND/MED/170</code><message xml:lang="en">No service &apos;X&apos;</message></error>'
    )
    assert v4.codes == ("V1/382", "V1/9")
    assert xml == Fault("/IWFND/MED/170", "No service 'X'")


@pytest.mark.parametrize(
    "body", [b"", b"CSRF token validation failed", b"<html><h1>503</h1></html>", b"{]", b'{"error":1}']
)
def test_body_without_an_odata_error_is_an_empty_fault(body):
    assert fault_of(body) == Fault()


def test_vendor_message_is_cut_and_freed_of_personal_data():
    said = Fault("X/1", "Write to jane.doe@example.com. " + "long " * 100).sentence
    assert "jane.doe" not in said
    assert len(said) <= 220


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (400, error_body("V1/382"), MaterialUnknown),
        (400, error_body("SY/530", "x", ("V1/382", "Material", "error")), MaterialUnknown),
        (400, error_body("VP/199"), BusinessPartnerUnknown),
        (400, error_body("V1/151"), CreditBlocked),
        (400, error_body("V1/042"), DocumentLocked),
        (423, error_body("XX/1"), DocumentLocked),
        (404, error_body("/IWBEP/CM_MGW_RT/020"), DocumentNotFound),
        (400, error_body("XX/1"), ValidationFailed),
        (409, b"", ValidationFailed),
    ],
)
def test_refusal_becomes_the_business_error_of_its_message(status, body, error):
    raised = business_error(Refused(status, fault_of(body)), "erp", "EXT-1", {})
    assert type(raised) is error
    assert "EXT-1" in str(raised)


def test_meaning_of_a_message_can_be_corrected_in_the_settings():
    refused = Refused(400, Fault("ZSD/007", "sold-to party locked"))
    assert isinstance(business_error(refused, "erp", "E", {}), ValidationFailed)
    corrected = business_error(refused, "erp", "E", {"ZSD/007": "credit_blocked"})
    assert isinstance(corrected, CreditBlocked)


@pytest.mark.parametrize(
    ("status", "body", "safe", "error"),
    [
        (403, error_body("/IWFND/MED/170"), False, NotOffered),
        (404, b"<html>not found</html>", False, NotOffered),
        (400, error_body("X", "Property 'RequirementSegment' is invalid"), False, NotOffered),
        (
            400,
            error_body("400", 'Property "Batch" does not exist in API_SALES_ORDER_SRV.A_SalesOrder'),
            False,
            NotOffered,
        ),
        (403, error_body("/IWFND/CM_MGW/013"), False, AccessRefused),
        (401, b"", True, AccessRefused),
        (429, b"", True, Throttled),
        (302, b"", True, Unavailable),
        (302, b"", False, UnknownOutcome),
        (500, error_body("X"), True, Unavailable),
        (500, error_body("X"), False, UnknownOutcome),
        (400, error_body("V1/382"), False, Refused),
    ],
)
def test_status_of_an_answer_says_what_is_known(status, body, safe, error):
    with pytest.raises(error):
        READER.accepted(Answer(status, {}, body), safe=safe)


def test_success_without_odata_json_proves_nothing():
    with pytest.raises(UnknownOutcome):
        READER.payload(Answer(201, {}, b"<html>welcome</html>"), safe=False)
    with pytest.raises(Unavailable):
        READER.payload(Answer(200, {}, b'{"value": []}'), safe=True)


def test_batch_of_reads_is_written_with_crlf_and_closed():
    kind, body = batch.encode_reads(["A('1')", "B?$top=1"], {"accept": "application/json"})
    boundary = kind.partition("boundary=")[2].encode()
    assert body.count(b"\n") == body.count(b"\r\n")
    assert body.startswith(b"--" + boundary + b"\r\nContent-Type: application/http\r\n")
    assert body.endswith(b"--" + boundary + b"--\r\n")
    assert b"GET A('1') HTTP/1.1\r\naccept: application/json\r\n\r\n" in body


def test_changeset_numbers_its_operations_and_states_their_length():
    change = Change("PATCH", "A('1')", {"Name": "ö"}, {"If-Match": "W/x"})
    _, body = batch.encode_changeset([change, change], {})
    assert body.count(b"Content-ID: ") == 2
    assert b"Content-ID: 2\r\n\r\nPATCH A('1') HTTP/1.1\r\nIf-Match: W/x\r\n" in body
    assert b"Content-Length: 14\r\n\r\n" + '{"Name": "ö"}'.encode() in body


def batch_answer(newline: str) -> bytes:
    lines = [
        "preamble",
        "--b1",
        "Content-Type: application/http",
        "",
        "HTTP/1.1 200 OK",
        "Content-Type: application/json",
        "",
        '{"d":{"text":"--b1 is not a boundary here"}}',
        "--b1",
        "Content-Type: multipart/mixed; boundary=b12",
        "",
        "--b12",
        "Content-Type: application/http",
        "Content-ID: 1",
        "",
        "HTTP/1.1 204 No Content",
        "",
        "",
        "--b12--",
        "--b1",
        "Content-Type: application/http",
        "",
        "HTTP/1.1 400 Bad Request",
        "Content-Type: application/json",
        "",
        '{"error":{"code":"V1/382"}}',
        "--b1--",
        "epilogue",
    ]
    return newline.join(lines).encode()


@pytest.mark.parametrize("newline", ["\r\n", "\n"])
def test_batch_answer_is_read_with_its_changeset_and_its_failed_part(newline):
    read, changeset, failed = batch.decode('multipart/mixed; boundary="b1"', batch_answer(newline))
    assert isinstance(read, Answer)
    assert read.content == b'{"d":{"text":"--b1 is not a boundary here"}}'
    assert read.headers["content-type"] == "application/json"
    assert isinstance(changeset, list)
    assert [part.status for part in changeset] == [204]
    assert isinstance(failed, Answer)
    assert (failed.status, fault_of(failed.content).code) == (400, "V1/382")


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/html", b"<html>"),
        ("multipart/mixed; boundary=b1", b""),
        ("multipart/mixed; boundary=b1", batch_answer("\r\n")[:-20]),
        ("multipart/mixed; boundary=b1", b"--b1\r\nContent-Type: application/http\r\n\r\nnot http\r\n--b1--"),
    ],
)
def test_batch_answer_that_is_cut_or_none_is_malformed(kind, body):
    with pytest.raises(MalformedBatch):
        batch.decode(kind, body)


class Source:
    """Answers reads and keeps what was fetched together."""

    def __init__(self, error: Exception | None = None) -> None:
        self.fetched: list[list[str]] = []
        self.error = error

    async def fetch(self, resources: Sequence[str]) -> list[str]:
        self.fetched.append(list(resources))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        return [resource.upper() for resource in resources]


async def test_reads_of_one_moment_are_fetched_together_and_equal_ones_once():
    source = Source()
    reads = ReadCoalescer(source.fetch)
    assert await asyncio.gather(*(reads.read(name) for name in "abca")) == ["A", "B", "C", "A"]
    assert await reads.read("d") == "D"
    assert source.fetched == [["a", "b", "c"], ["d"]]


async def test_many_reads_are_fetched_in_even_pieces_none_too_large():
    source = Source()
    reads = ReadCoalescer(source.fetch)
    names = [f"n{number}" for number in range(LARGEST * 2 + 1)]
    assert await asyncio.gather(*map(reads.read, names)) == [name.upper() for name in names]
    assert [len(piece) for piece in source.fetched] == [67, 67, 67]


async def test_failed_fetch_fails_every_reader_and_the_next_moment_is_free_of_it():
    source = Source(Unavailable("down"))
    reads = ReadCoalescer(source.fetch)
    failures = await asyncio.gather(reads.read("a"), reads.read("b"), return_exceptions=True)
    assert all(isinstance(failure, Unavailable) for failure in failures)
    source.error = None
    assert await reads.read("a") == "A"


async def test_cancelled_reader_leaves_the_others_their_answers():
    source = Source()
    reads = ReadCoalescer(source.fetch)
    one, other = asyncio.create_task(reads.read("a")), asyncio.create_task(reads.read("a"))
    await asyncio.sleep(0)
    one.cancel()
    assert await other == "A"
    with pytest.raises(asyncio.CancelledError):
        await one


async def test_read_alone_waits_only_milliseconds_for_company():
    reads = ReadCoalescer(Source().fetch)
    started = time.perf_counter()
    for _ in range(20):
        await reads.read("a")
    assert (time.perf_counter() - started) / 20 < 0.01
