"""The SAP sandbox against the contract, where pyodata does not reach."""

import json
from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
from lxml import etree

from fixtures.sap_s4hana.sandbox import CREDENTIALS
from tests.sandboxes.sap_gateway import ORDERS, ROOT, Gateway, code, gateway


@pytest.fixture(scope="module")
def sap() -> Iterator[Gateway]:
    with gateway() as running:
        yield running


def number_of(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["d"]["SalesOrder"])


def path_of(number: str) -> str:
    return f"{ORDERS}A_SalesOrder('{number}')"


def batch(*parts: str) -> bytes:
    return ("".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n").encode()


def get_part(url: str) -> str:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return f"{head}GET {url} HTTP/1.1\r\nAccept: application/json\r\n\r\n"


def changeset(*operations: str) -> str:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    parts = [f"--c\r\n{head}Content-ID: {number}\r\n\r\n{text}\r\n" for number, text in enumerate(operations, 1)]
    return "Content-Type: multipart/mixed; boundary=c\r\n\r\n" + "".join(parts) + "--c--\r\n"


def write_part(method: str, url: str, body: str) -> str:
    headers = "Content-Type: application/json\r\nAccept: application/json\r\n"
    return f"{method} {url} HTTP/1.1\r\n{headers}\r\n{body}"


def post_batch(sap: Gateway, content: bytes) -> httpx.Response:
    headers = {"content-type": "multipart/mixed;boundary=b"}
    return sap.client.post(f"{ORDERS}$batch", content=content, headers=headers)


# Login and CSRF


def test_without_login_even_an_unknown_service_is_401(sap: Gateway) -> None:
    with sap.anonymous() as client:
        answer = client.get(f"{ROOT}NO_SUCH_SRV/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


def test_unknown_service_is_403_with_its_own_code(sap: Gateway) -> None:
    assert code(sap.get("NO_SUCH_SRV/A_Thing")) == (403, "/IWFND/MED/170")


def test_write_without_token_is_refused_in_plain_text(sap: Gateway) -> None:
    before = sap.books.census()["sales_orders"]
    answer = sap.client.post(f"{ORDERS}A_SalesOrder", json=sap.order("X"), headers={"x-csrf-token": ""})
    assert (answer.status_code, answer.headers["x-csrf-token"]) == (403, "Required")
    assert (answer.headers["content-type"], answer.content) == (
        "text/plain; charset=utf-8",
        b"CSRF token validation failed",
    )
    assert sap.books.census()["sales_orders"] == before


def test_token_without_its_cookies_is_refused(sap: Gateway) -> None:
    token = sap.client.headers["x-csrf-token"]
    login = (CREDENTIALS["username"], CREDENTIALS["password"])
    with sap.anonymous() as client:
        answer = client.post(f"{ORDERS}A_SalesOrder", auth=login, json=sap.order("X"), headers={"x-csrf-token": token})
    assert answer.status_code == 403


def test_token_ends_with_its_idle_session() -> None:
    with gateway(session_life_s=1800) as sap:
        sap.clock.advance(1799)
        assert sap.create("A").status_code == 201
        sap.clock.advance(1801)
        assert sap.create("B").headers["x-csrf-token"] == "Required"
        sap.fetch_token()
        assert sap.create("B").status_code == 201


@pytest.mark.parametrize("status", [403, 405])
def test_refused_head_carries_the_token_all_the_same(status: int) -> None:
    with gateway(head_status=status) as sap:
        answer = sap.client.head(ORDERS, headers={"x-csrf-token": "Fetch"})
        assert answer.status_code == status
        sap.client.headers["x-csrf-token"] = answer.headers["x-csrf-token"]
        assert sap.create("A").status_code == 201


def test_root_without_slash_redirects_and_loses_the_token(sap: Gateway) -> None:
    answer = sap.client.get(ORDERS.rstrip("/"), headers={"x-csrf-token": "Fetch"})
    assert (answer.status_code, answer.headers["location"]) == (307, ORDERS)
    assert "x-csrf-token" not in answer.headers


def test_client_credentials_token_reads_until_it_expires() -> None:
    with gateway(token_life_s=3600) as sap, sap.anonymous() as client:
        client_login = (CREDENTIALS["client_id"], CREDENTIALS["client_secret"])
        answer = client.post(
            "/sap/bc/sec/oauth2/token", data={"grant_type": "client_credentials"}, auth=client_login
        ).json()
        bearer = {"authorization": f"Bearer {answer['access_token']}"}
        assert answer["expires_in"] == 3600
        assert client.get(ORDERS, headers=bearer).status_code == 200
        sap.clock.advance(3601)
        assert client.get(ORDERS, headers=bearer).status_code == 401


def test_wrong_client_secret_gets_no_token(sap: Gateway) -> None:
    form = {"grant_type": "client_credentials", "client_id": CREDENTIALS["client_id"], "client_secret": "wrong"}
    with sap.anonymous() as client:
        answer = client.post("/sap/bc/sec/oauth2/token", data=form)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_api_key_is_a_login(sap: Gateway) -> None:
    with sap.anonymous() as client:
        assert client.get(ORDERS, headers={"APIKey": CREDENTIALS["api_key"]}).status_code == 200
        assert client.get(ORDERS, headers={"APIKey": "wrong"}).status_code == 401


def test_user_who_may_only_display_is_refused_with_403(sap: Gateway) -> None:
    login = ("DISPLAY", "Display-1710!")
    with sap.anonymous() as client:
        client.auth = login
        token = client.get(ORDERS, headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]
        answer = client.post(f"{ORDERS}A_SalesOrder", json=sap.order("X"), headers={"x-csrf-token": token})
    assert answer.status_code == 403
    assert "x-csrf-token" not in answer.headers
    assert "no authorization" in answer.json()["error"]["message"]["value"]


# Reading


def test_answer_is_atom_xml_unless_json_is_asked_for(sap: Gateway) -> None:
    url = f"{ROOT}API_BUSINESS_PARTNER/A_Customer('{sap.customer}')"
    atom = sap.client.get(url, headers={"accept": "*/*"})
    assert atom.headers["content-type"].startswith("application/atom+xml")
    shown = etree.fromstring(atom.content).find(".//{*}properties/{*}Customer")
    assert shown is not None
    assert shown.text == sap.customer
    assert sap.client.get(f"{url}?$format=json", headers={"accept": "*/*"}).json()["d"]["Customer"] == sap.customer


def test_values_are_written_as_the_gateway_writes_them(sap: Gateway) -> None:
    entity = sap.create("VALUES").json()["d"]
    assert entity["TotalNetAmount"] == f"{Decimal(entity['TotalNetAmount']):.2f}"
    assert entity["PriceDetnExchangeRate"] == "1.00000"
    assert entity["RequestedDeliveryDate"] == "/Date(1796083200000)/"
    assert entity["LastChangeDateTime"].endswith("+0000)/")
    assert entity["FixedValueDate"] is None
    assert entity["SalesOffice"] == ""
    assert entity["CompleteDeliveryIsDefined"] is False
    assert entity["to_Item"]["results"][0]["RequestedQuantity"] == "2"
    assert entity["to_Partner"]["__deferred"]["uri"].endswith("/to_Partner")
    assert entity["__metadata"]["type"] == "API_SALES_ORDER_SRV.A_SalesOrderType"


def test_keys_are_taken_padded_and_shown_without_zeros(sap: Gateway) -> None:
    number = number_of(sap.create("PADDED", SoldToParty=sap.customer.zfill(10)))
    item = f"API_SALES_ORDER_SRV/A_SalesOrderItem(SalesOrder='{number.zfill(10)}',SalesOrderItem='000010')"
    shown = sap.get(item).json()["d"]
    assert (shown["SalesOrder"], shown["SalesOrderItem"]) == (number, "10")
    found = sap.get("API_SALES_ORDER_SRV/A_SalesOrder", filter=f"SoldToParty eq '{sap.customer.zfill(10)}'")
    assert number in [order["SalesOrder"] for order in found.json()["d"]["results"]]


def test_filters_select_order_and_page(sap: Gateway) -> None:
    numbers = [number_of(sap.create(f"FILTER-{name}")) for name in "abc"]
    wanted = "startswith(PurchaseOrderByCustomer,'FILTER-') and not (PurchaseOrderByCustomer eq 'FILTER-b')"
    options = {"filter": wanted, "orderby": "SalesOrder desc", "select": "SalesOrder", "inlinecount": "allpages"}
    found = sap.get("API_SALES_ORDER_SRV/A_SalesOrder", **options, skip="1", top="1").json()["d"]
    assert found["__count"] == "2"
    assert [set(order) for order in found["results"]] == [{"__metadata", "SalesOrder"}]
    assert found["results"][0]["SalesOrder"] == numbers[0]
    count = sap.client.get(f"{ORDERS}A_SalesOrder/$count", params={"$filter": wanted})
    assert (count.text, count.headers["content-type"].split(";")[0]) == ("2", "text/plain")


def test_orders_changed_since_an_instant(sap: Gateway) -> None:
    first, second = number_of(sap.create("SINCE-1")), number_of(sap.create("SINCE-2"))
    since = sap.books.sales_order(first).changed_at.isoformat().replace("+00:00", "Z")
    found = sap.get("API_SALES_ORDER_SRV/A_SalesOrder", filter=f"LastChangeDateTime gt datetimeoffset'{since}'")
    assert [order["SalesOrder"] for order in found.json()["d"]["results"]] == [second]


def test_quote_in_a_reference_is_escaped_by_doubling(sap: Gateway) -> None:
    number = number_of(sap.create("O'Neill {braces}"))
    found = sap.get("API_SALES_ORDER_SRV/A_SalesOrder", filter="PurchaseOrderByCustomer eq 'O''Neill {braces}'")
    assert [order["SalesOrder"] for order in found.json()["d"]["results"]] == [number]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"filter": "NoSuchField eq 'x'"}, "Property 'NoSuchField' is invalid"),
        ({"filter": "PurchaseOrderByCustomer like 'x'"}, "Invalid filter expression"),
        ({"filter": "PurchaseOrderByCustomer eq 'x"}, "Invalid filter expression"),
        ({"select": "Nope"}, "Property 'Nope' is invalid"),
        ({"expand": "to_Nope"}, "Property 'to_Nope' is invalid"),
        ({"top": "many"}, "Invalid value 'many'"),
        ({"apply": "x"}, "'$apply' is not supported"),
    ],
)
def test_wrong_query_is_400(sap: Gateway, options: dict[str, str], says: str) -> None:
    answer = sap.get("API_SALES_ORDER_SRV/A_SalesOrder", **options)
    assert answer.status_code == 400
    assert says in answer.json()["error"]["message"]["value"]


def test_unknown_order_is_404_with_the_recorded_codes(sap: Gateway) -> None:
    answer = sap.get("API_SALES_ORDER_SRV/A_SalesOrder('99999')")
    assert code(answer) == (404, "/IWBEP/CM_MGW_RT/020")
    inner = answer.json()["error"]["innererror"]
    assert inner["errordetails"][0]["code"] == "/IWBEP/CX_MGW_BUSI_EXCEPTION"
    assert inner["application"]["service_id"] == "API_SALES_ORDER_SRV"
    assert len(inner["transactionid"]) == 32


def test_very_long_url_is_414_and_fits_a_batch(sap: Gateway) -> None:
    wanted = " or ".join(f"PurchaseOrderByCustomer eq 'LONG-{number:05}'" for number in range(250))
    assert sap.get("API_SALES_ORDER_SRV/A_SalesOrder", filter=wanted).status_code == 414
    answer = post_batch(sap, batch(get_part(f"A_SalesOrder?$filter={wanted.replace(' ', '%20')}")))
    assert b'"results":[]' in answer.content


def test_stock_rows_are_filtered_and_services_have_none(sap: Gateway) -> None:
    rows = sap.get("API_MATERIAL_STOCK_SRV/A_MatlStkInAcctMod", filter=f"Material eq '{sap.goods.lower()}'").json()
    (row,) = rows["d"]["results"]
    assert row["MatlWrhsStkQtyInMatlBaseUnit"] == str(sap.books.stock.on_hand[sap.goods])
    assert (row["Plant"], row["InventoryStockType"], row["InventorySpecialStockType"]) == ("1710", "01", "")
    none = sap.get("API_MATERIAL_STOCK_SRV/A_MatlStkInAcctMod", filter="Material eq 'POST'").json()
    assert none["d"]["results"] == []


# Availability


def availability(sap: Gateway, material: str, function: str = "DetermineAvailabilityAt") -> httpx.Response:
    extra = {
        "DetermineAvailabilityAt": "&RequestedUTCDateTime=datetimeoffset'2026-12-01T00:00:00Z'",
        "DetermineAvailabilityOf": "&RequestedQuantityInBaseUnit=3M",
    }[function]
    query = f"ATPCheckingRule='A'&Material='{material}'&SupplyingPlant='1710'{extra}"
    return sap.client.get(f"{ROOT}API_PRODUCT_AVAILY_INFO_BASIC/{function}?{query}")


def test_availability_falls_by_what_an_order_was_promised_and_rises_when_it_is_rejected() -> None:
    with gateway() as sap:

        def available() -> int:
            record = availability(sap, sap.goods).json()["d"]["DetermineAvailabilityAt"]
            return int(record["AvailableQuantityInBaseUnit"])

        goods, before = sap.goods, available()
        number = number_of(sap.create("ATP", quantity="3"))
        assert available() == before - 3
        sap.books.reject_items(number, "61")
        assert (sap.goods, available()) == (goods, before)


def test_service_is_available_without_limit_until_the_year_9999(sap: Gateway) -> None:
    record = availability(sap, "POST").json()["d"]["DetermineAvailabilityAt"]
    assert Decimal(record["AvailableQuantityInBaseUnit"]) > 10**11
    assert record["PeriodEndUTCDateTime"] == "/Date(253402300799000)/"


def test_bare_function_result_is_a_switch() -> None:
    with gateway(bare_function_result=True) as sap:
        assert "AvailableQuantityInBaseUnit" in availability(sap, sap.goods).json()["d"]


def test_availability_of_an_unknown_material_or_plant_is_400(sap: Gateway) -> None:
    assert code(availability(sap, "GIFT_0001_10")) == (400, "M3/305")
    query = f"ATPCheckingRule='A'&Material='{sap.goods}'&SupplyingPlant='9999'&RequestedQuantityInBaseUnit=1M"
    answer = sap.client.get(f"{ROOT}API_PRODUCT_AVAILY_INFO_BASIC/DetermineAvailabilityOf?{query}")
    assert code(answer) == (400, "V1/386")


# Creating


def test_more_than_there_is_is_confirmed_in_part_on_a_second_schedule_line(sap: Gateway) -> None:
    there_is = int(sap.books.availability(sap.goods, "1710"))
    number = number_of(sap.create("PART", quantity=str(there_is + 5)))
    path = f"API_SALES_ORDER_SRV/A_SalesOrderItem(SalesOrder='{number}',SalesOrderItem='10')"
    item = sap.get(path, expand="to_ScheduleLine").json()["d"]
    assert item["ConfdDelivQtyInOrderQtyUnit"] == str(there_is)
    lines = item["to_ScheduleLine"]["results"]
    quantities = [(line["ScheduleLineOrderQuantity"], line["ConfdOrderQtyByMatlAvailCheck"]) for line in lines]
    assert quantities == [(str(there_is + 5), "0"), ("0", str(there_is))]
    assert lines[0]["ConfirmedDeliveryDate"] is None
    sap.books.delete_sales_order(number)


def test_same_reference_twice_is_stored_twice_and_counted_as_duplicate() -> None:
    with gateway() as sap:
        numbers = [number_of(sap.create("TWICE")) for _ in range(2)]
        assert sap.books.census()["duplicates"] == {"TWICE": numbers}
        sap.books.reject_items(numbers[1], "61")
        assert sap.books.census()["duplicates"] == {}


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"SoldToParty": "99999999"}, "VP/199"),
        ({"SoldToParty": ""}, "V1/114"),
        ({"SalesOrganization": "9999"}, "V1/313"),
        ({"SalesOrderType": "TA"}, "V1/310"),
        ({"TransactionCurrency": "XYZ"}, "00/058"),
        ({"to_Item": []}, "V1/331"),
        ({"NoSuchField": "x"}, "/IWCOR/CX_DS_EDM_ERROR"),
        ({"PurchaseOrderByCustomer": "x" * 36}, "/IWCOR/CX_DS_EDM_ERROR"),
    ],
)
def test_wrong_order_is_refused_and_nothing_is_stored(sap: Gateway, changes: dict[str, object], refused: str) -> None:
    before = sap.books.census()["digest"]
    assert code(sap.create("WRONG", **changes)) == (400, refused)
    assert sap.books.census()["digest"] == before


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"RequestedQuantity": "0"}, "V1/555"),
        ({"RequestedQuantityUnit": "EA"}, "V1/384"),
        ({"ProductionPlant": "9999"}, "V1/386"),
        ({"Material": "D"}, "V1/382"),
        ({"RequestedQuantity": 2}, "/IWCOR/CX_DS_EDM_ERROR"),
        ({"to_PricingElement": [{"ConditionType": "PPR0", "ConditionCurrency": "EUR"}]}, "SG/105"),
    ],
)
def test_wrong_item_is_refused(sap: Gateway, changes: dict[str, object], refused: str) -> None:
    items = [sap.order("X")["to_Item"][0] | changes]
    assert code(sap.create("WRONG", to_Item=items)) == (400, refused)


def test_decimal_as_json_number_is_taken_when_the_switch_allows() -> None:
    with gateway(strict_decimals=False) as sap:
        items = [sap.order("X")["to_Item"][0] | {"RequestedQuantity": 2}]
        assert sap.create("LENIENT", to_Item=items).status_code == 201


def test_format_option_on_a_write_is_refused(sap: Gateway) -> None:
    answer = sap.client.post(f"{ORDERS}A_SalesOrder?$format=json", json=sap.order("X"))
    assert answer.status_code == 400


def test_blocked_customer_is_refused_in_the_language_asked_for(sap: Gateway) -> None:
    customers = sap.books.customers
    blocked = next(customer.number for customer in customers.values() if customer.order_block)
    url = f"{ORDERS}A_SalesOrder?sap-language=ZH"
    answer = sap.client.post(url, json=sap.order("X") | {"SoldToParty": blocked})
    assert code(answer) == (400, "VP/118")
    assert "已被冻结" in answer.json()["error"]["message"]["value"]


def test_order_over_the_credit_limit_is_created_blocked_with_a_warning() -> None:
    with gateway(credit_limit=Decimal("0.01")) as sap:
        price = [{"ConditionType": "PPR0", "ConditionRateValue": "5.00", "ConditionCurrency": "GBP"}]
        items = [sap.order("X")["to_Item"][0] | {"to_PricingElement": price}]
        answer = sap.create("CREDIT", to_Item=items)
        assert answer.status_code == 201
        assert answer.json()["d"]["TotalCreditCheckStatus"] == "B"
        assert '"severity": "warning"' in answer.headers["sap-message"]


def test_cloud_edition_refuses_an_on_premise_field() -> None:
    with gateway(edition="cloud") as sap:
        answer = sap.create("CLOUD", CustomerConditionGroup1="01")
        assert code(answer) == (400, "/IWCOR/CX_DS_EDM_ERROR")
        assert "CustomerConditionGroup1" in answer.json()["error"]["message"]["value"]


def test_fresh_order_is_missing_for_the_read_lag() -> None:
    with gateway(read_lag_s=3) as sap:
        number = number_of(sap.create("LAG"))
        assert sap.client.get(path_of(number)).status_code == 404
        sap.clock.advance(3)
        assert sap.client.get(path_of(number)).status_code == 200


def test_create_can_be_answered_by_the_header_alone() -> None:
    with gateway(created_with_items=False) as sap:
        assert "__deferred" in sap.create("BARE").json()["d"]["to_Item"]


# Changing


def test_header_change_needs_the_current_etag(sap: Gateway) -> None:
    created = sap.create("ETAG")
    path, etag = path_of(number_of(created)), created.headers["etag"]
    changes = {"PurchaseOrderByCustomer": "ETAG-2"}
    assert sap.client.patch(path, json=changes).status_code == 428
    assert sap.client.patch(path, json=changes, headers={"if-match": etag}).status_code == 204
    assert sap.client.patch(path, json=changes, headers={"if-match": etag}).status_code == 412
    assert sap.client.patch(path, json=changes, headers={"if-match": "*"}).status_code == 204
    found = sap.get("API_SALES_ORDER_SRV/A_SalesOrder", filter="PurchaseOrderByCustomer eq 'ETAG-2'").json()
    assert len(found["d"]["results"]) == 1


def test_change_of_an_item_changes_the_etag_of_its_order(sap: Gateway) -> None:
    created = sap.create("ITEM")
    number = number_of(created)
    item = f"{ORDERS}A_SalesOrderItem(SalesOrder='{number}',SalesOrderItem='10')"
    merge = sap.client.post(item, json={"RequestedQuantity": "1"}, headers={"x-http-method": "MERGE"})
    assert merge.status_code == 204
    assert sap.client.get(path_of(number)).headers["etag"] != created.headers["etag"]
    assert sap.books.sales_order(number).items[10].confirmed == 1


def test_item_is_added_and_the_order_deleted(sap: Gateway) -> None:
    before = sap.books.availability(sap.goods, "1710")
    number = number_of(sap.create("GROW"))
    item = {"Material": sap.goods, "RequestedQuantity": "1"}
    added = sap.client.post(f"{path_of(number)}/to_Item", json=item)
    assert (added.status_code, added.json()["d"]["SalesOrderItem"]) == (201, "20")
    assert sap.client.delete(path_of(number), headers={"if-match": "*"}).status_code == 204
    assert sap.client.get(path_of(number)).status_code == 404
    assert sap.books.availability(sap.goods, "1710") == before


def test_locked_order_cannot_be_changed_by_another_user(sap: Gateway) -> None:
    number = number_of(sap.create("LOCKED"))
    sap.books.lock(number, "CLERK")
    answer = sap.client.delete(path_of(number), headers={"if-match": "*"})
    assert code(answer) == (400, "V1/042")
    assert "CLERK" in answer.json()["error"]["message"]["value"]
    sap.books.unlock(number)


def test_master_data_cannot_be_written(sap: Gateway) -> None:
    url = f"{ROOT}API_BUSINESS_PARTNER/A_Customer('{sap.customer}')"
    assert sap.client.patch(url, json={"OrderIsBlockedForCustomer": "01"}).status_code == 405


# Batch


def test_batch_answers_part_by_part_and_isolates_failures(sap: Gateway) -> None:
    number = number_of(sap.create("BATCH"))
    answer = post_batch(
        sap, batch(get_part("A_SalesOrder('99999')"), get_part(f"{ORDERS}A_SalesOrder('{number}')?$select=SalesOrder"))
    )
    assert answer.status_code == 202
    first, second = answer.content.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"404")
    assert second.startswith(b"200")
    assert f'"SalesOrder":"{number}"'.encode() in second


def test_failing_changeset_is_one_error_part_that_names_the_culprit(sap: Gateway) -> None:
    number = number_of(sap.create("CHANGESET"))
    before = sap.books.census()["digest"]
    item = f"A_SalesOrderItem(SalesOrder='{number}',SalesOrderItem='10')"
    good = write_part("PATCH", item, '{"SalesDocumentRjcnReason":"61"}')
    bad = write_part("PATCH", item, '{"SalesDocumentRjcnReason":"99"}')
    answer = post_batch(sap, batch(changeset(good, bad), get_part(f"A_SalesOrder('{number}')")))
    first, second = answer.content.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"400")
    assert b'"ContentID":"2"' in first
    assert second.startswith(b"200")
    assert sap.books.census()["digest"] == before


def test_changeset_that_succeeds_answers_each_operation_with_its_content_id(sap: Gateway) -> None:
    number = number_of(sap.create("CHANGESET-2"))
    item = f"A_SalesOrderItem(SalesOrder='{number}',SalesOrderItem='10')"
    answer = post_batch(sap, batch(changeset(write_part("PATCH", item, '{"SalesDocumentRjcnReason":"61"}'))))
    assert b"HTTP/1.1 204" in answer.content
    assert b"content-id: 1" in answer.content
    assert sap.books.sales_order(number).rejected


def test_batch_with_bare_line_feeds_is_refused(sap: Gateway) -> None:
    content = batch(get_part("A_SalesOrder?$top=1")).replace(b"\r\n", b"\n")
    answer = post_batch(sap, content)
    assert answer.status_code == 400
    assert "CRLF" in answer.json()["error"]["message"]["value"]


def test_second_create_in_a_changeset_is_refused_by_a_switch() -> None:
    with gateway(one_create_per_changeset=True) as sap:
        create = write_part("POST", "A_SalesOrder", json.dumps(sap.order("PAIR")))
        answer = post_batch(sap, batch(changeset(create, create)))
        assert b"only one operation" in answer.content
        assert sap.books.census()["sales_orders"] == 0


# Faults of the API


@pytest.mark.parametrize(
    ("rule", "status"),
    [("expired_token:api/any:1", 401), ("csrf_expired:write:1", 403), ("locked:write:1", 400)],
)
def test_fault_refuses_a_create_and_stores_nothing(rule: str, status: int) -> None:
    with gateway(rule) as sap:
        assert sap.create("FAULT").status_code == status
        assert sap.books.census()["sales_orders"] == 0
        assert [fault.act.key for fault in sap.faults.drawn] == ["FAULT"]


def test_stale_etag_fault_refuses_a_change() -> None:
    with gateway("stale_etag:sales_order.cancel:x1") as sap:
        created = sap.create("STALE")
        path, headers = path_of(number_of(created)), {"if-match": created.headers["etag"]}
        assert sap.client.delete(path, headers=headers).status_code == 412
        assert sap.client.delete(path, headers=headers).status_code == 204


def test_fault_aimed_at_an_operation_spares_the_others() -> None:
    with gateway("error_500_after_commit:sales_order.create:1") as sap:
        assert sap.create("AIMED").status_code == 500
        found = sap.get("API_SALES_ORDER_SRV/A_SalesOrder", filter="PurchaseOrderByCustomer eq 'AIMED'")
        assert len(found.json()["d"]["results"]) == 1


def test_create_inside_a_batch_is_recognised_as_a_create() -> None:
    with gateway("reset_after_commit:sales_order.create:1") as sap:
        create = write_part("POST", "A_SalesOrder", json.dumps(sap.order("IN-BATCH")))
        with pytest.raises(httpx.ReadError):
            post_batch(sap, batch(changeset(create)))
        assert [order.reference for order in sap.books.sales_orders()] == ["IN-BATCH"]
        assert sap.faults.drawn[0].act.key == "IN-BATCH"
