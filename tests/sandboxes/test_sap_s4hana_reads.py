"""Reads of the SAP sandbox against the contract, where pyodata does not reach."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import httpx
import pytest
from lxml import etree

from tests.sandboxes.sap_gateway import ORDERS, ROOT, Gateway, batch, code, gateway, get_part, number_of, post_batch


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
        ({"filter": "LastChangeDateTime gt 'x'"}, "Invalid parametertype"),
        ({"filter": "substringof('1',TotalNetAmount)"}, "Invalid filter expression"),
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


def test_null_never_compares(sap: Gateway) -> None:
    sap.create("NULL")
    found = sap.get(
        "API_SALES_ORDER_SRV/A_SalesOrder", filter="CustomerPurchaseOrderDate gt datetime'1970-01-01T00:00'"
    )
    assert found.json()["d"]["results"] == []
    assert sap.get("API_SALES_ORDER_SRV/A_SalesOrder", filter="SalesOrder eq null").json()["d"]["results"] == []


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


def midnight(day: date) -> str:
    return f"/Date({int(datetime.combine(day, time(), UTC).timestamp() * 1000)})/"


def test_planned_receipt_raises_what_is_available_from_its_day_on() -> None:
    with gateway() as sap:
        before = int(sap.books.availability(sap.goods, "1710"))
        receipt = sap.books.clock.now().date() + timedelta(days=3)
        sap.books.stock.expect(sap.goods, Decimal(40), receipt)
        service = f"{ROOT}API_PRODUCT_AVAILY_INFO_BASIC"
        about = f"ATPCheckingRule='A'&Material='{sap.goods}'&SupplyingPlant='1710'"
        periods = sap.client.get(f"{service}/CalculateAvailabilityTimeseries?{about}").json()["d"]["results"]
        of = f"{service}/DetermineAvailabilityOf?{about}&RequestedQuantityInBaseUnit={before + 1}M"
        first = sap.client.get(of).json()["d"]["DetermineAvailabilityOf"]
        assert [int(period["AvailableQuantityInBaseUnit"]) for period in periods] == [before, before + 40]
        assert periods[0]["PeriodEndUTCDateTime"] == periods[1]["PeriodStartUTCDateTime"] == midnight(receipt)
        assert first["PeriodStartUTCDateTime"] == periods[1]["PeriodStartUTCDateTime"]


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


@pytest.mark.parametrize(
    "path",
    [
        "A_SalesOrder('{number}')/to_Item(SalesOrder='999',SalesOrderItem='10')",
        "A_SalesOrder/to_Item",
        "A_Nope",
        "$count",
    ],
)
def test_path_that_leads_nowhere_is_404(sap: Gateway, path: str) -> None:
    number = number_of(sap.create("PATH"))
    assert sap.get(f"API_SALES_ORDER_SRV/{path.format(number=number)}").status_code == 404
