"""Writes to the SAP sandbox against the contract, and its own faults."""

import json
from decimal import Decimal

import httpx
import pytest

from tests.sandboxes.sap_gateway import (
    ORDERS,
    ROOT,
    Gateway,
    batch,
    changeset,
    code,
    gateway,
    number_of,
    path_of,
    post_batch,
    write_part,
)


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
        ({"RequestedQuantity": "1.2345"}, "/IWCOR/CX_DS_EDM_ERROR"),
        ({"RequestedQuantity": "9999999999999"}, "/IWCOR/CX_DS_EDM_ERROR"),
        ({"SalesOrderItem": "ten"}, "/IWCOR/CX_DS_EDM_ERROR"),
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


def test_price_of_an_item_is_changed_by_its_pricing_element(sap: Gateway) -> None:
    number = number_of(sap.create("PRICE"))
    keys = f"SalesOrder='{number}',SalesOrderItem='10',PricingProcedureStep='20',PricingProcedureCounter='1'"
    element = f"{ORDERS}A_SalesOrderItemPrElement({keys})"
    assert sap.client.patch(element, json={"ConditionRateValue": "0.1235"}).status_code == 204
    assert sap.client.get(element).json()["d"]["ConditionRateValue"] == "0.123500000"
    assert sap.client.get(path_of(number)).json()["d"]["TotalNetAmount"] == "0.25"
    assert code(sap.client.patch(element, json={"ConditionQuantity": "0"})) == (400, "V1/114")


def test_item_may_carry_a_reference_of_its_own(sap: Gateway) -> None:
    items = [sap.order("X")["to_Item"][0] | {"PurchaseOrderByCustomer": "ITS-OWN"}]
    number = number_of(sap.create("HEADER", to_Item=items))
    found = sap.get("API_SALES_ORDER_SRV/A_SalesOrderItem", filter="PurchaseOrderByCustomer eq 'ITS-OWN'").json()
    assert [item["SalesOrder"] for item in found["d"]["results"]] == [number]


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
