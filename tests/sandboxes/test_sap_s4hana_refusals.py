"""Every refusal of SAP that pyodata can parse, from the sandbox; with SAP's own extension of that client."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pyodata
import pytest
import requests
from pyodata.exceptions import HttpError
from pyodata.v2.service import Service
from pyodata.vendor.SAP import BusinessGatewayError, sap_header_error_hook

from tests.sandboxes.sap_gateway import ROOT, Gateway, gateway


@pytest.fixture(autouse=True)
def speaking_sap(monkeypatch: pytest.MonkeyPatch) -> None:
    """pyodata reads SAP's error bodies once it is told so."""
    monkeypatch.setattr(HttpError, "VendorType", BusinessGatewayError)


def service(sap: Gateway, session: requests.Session, login: Any = None, name: str = "API_SALES_ORDER_SRV") -> Service:
    """The service as pyodata sees it, with a CSRF token."""
    session.trust_env = False
    session.auth = login or ("TANDEM", "Welcome-1710!")
    url = str(sap.client.base_url) + f"{ROOT}{name}/"
    session.headers["x-csrf-token"] = session.head(url, headers={"x-csrf-token": "Fetch"}).headers["x-csrf-token"]
    return pyodata.Client(url, session, response_hook=sap_header_error_hook)


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield opened


@pytest.fixture
def orders(sap: Gateway, session: requests.Session) -> Service:
    return service(sap, session)


def create(orders: Service, order: dict[str, Any]) -> Any:
    return orders.entity_sets.A_SalesOrder.create_entity().set(**order).execute()


def rename(orders: Service, number: str, etag: str | None) -> None:
    request = orders.entity_sets.A_SalesOrder.update_entity(number).set(PurchaseOrderByCustomer="RENAMED")
    if etag is not None:
        request.add_headers({"If-Match": etag})
    request.execute()


def reject(orders: Service, number: str, reason: str) -> Any:
    items = orders.entity_sets.A_SalesOrderItem
    return items.update_entity(SalesOrder=number, SalesOrderItem="10").set(SalesDocumentRjcnReason=reason)


def told(error: HttpError) -> tuple[int, str]:
    """Status and SAP code."""
    return error.response.status_code, error.response.json()["error"]["code"]


@pytest.mark.parametrize(
    ("changes", "item", "code", "said"),
    [
        ({}, {"Material": "NO-SUCH"}, "V1/382", "Material NO-SUCH is not defined"),
        ({"SoldToParty": "99999999"}, {}, "VP/199", "99999999"),
        ({"SalesOrganization": "9999"}, {}, "V1/313", "Sales area 9999 10 00 is not defined"),
        ({"SalesOrderType": "ZZ"}, {}, "V1/310", "type ZZ is not defined"),
        ({"SoldToParty": ""}, {}, "V1/114", "Fill in field"),
        ({}, {"RequestedQuantity": "0"}, "V1/555", "quantity greater than zero"),
        ({}, {"RequestedQuantityUnit": "XX"}, "V1/384", "unit XX is not defined"),
        ({}, {"ProductionPlant": "9999"}, "V1/386", "Plant 9999 is not defined"),
    ],
)
def test_order_that_is_wrong_is_400_with_message_and_details(
    orders: Service, sap: Gateway, changes: dict[str, Any], item: dict[str, Any], code: str, said: str
) -> None:
    order = sap.order("WRONG") | changes
    order["to_Item"] = [order["to_Item"][0] | item]
    with pytest.raises(BusinessGatewayError, match=said) as refused:
        create(orders, order)
    assert told(refused.value) == (400, code)
    assert any(said in detail for detail in refused.value.errordetails)


def test_unknown_order_is_404_with_the_recorded_codes(orders: Service) -> None:
    with pytest.raises(BusinessGatewayError, match="Resource not found for segment") as refused:
        orders.entity_sets.A_SalesOrder.get_entity("9999999").execute()
    assert told(refused.value) == (404, "/IWBEP/CM_MGW_RT/020")


@pytest.mark.parametrize(("etag", "status"), [(None, 428), ('W/"of yesterday"', 412)])
def test_change_without_the_present_etag_is_refused(orders: Service, sap: Gateway, etag, status: int) -> None:
    number = create(orders, sap.order("ETAG")).SalesOrder
    with pytest.raises(BusinessGatewayError) as refused:
        rename(orders, number, etag)
    assert refused.value.response.status_code == status
    rename(orders, number, "*")
    assert sap.books.sales_order(number).reference == "RENAMED"


def test_order_somebody_changes_is_400_with_who(orders: Service, sap: Gateway) -> None:
    number = create(orders, sap.order("LOCK")).SalesOrder
    sap.books.lock(number, "CLERK")
    with pytest.raises(BusinessGatewayError, match="CLERK") as refused:
        rename(orders, number, "*")
    sap.books.unlock(number)
    assert told(refused.value) == (400, "V1/042")


def test_failing_changeset_tells_the_message_of_its_culprit(orders: Service, sap: Gateway) -> None:
    number = create(orders, sap.order("BATCH")).SalesOrder
    changeset = orders.create_changeset()
    for reason in ("61", "99"):
        changeset.add_request(reject(orders, number, reason))
    batch = orders.create_batch()
    batch.add_request(changeset)
    with pytest.raises(BusinessGatewayError) as refused:
        batch.execute()
    assert refused.value.response.status_code == 400
    assert refused.value.errordetails
    assert sap.books.sales_order(number).items[10].rejection_reason == ""


def test_write_with_a_stale_token_is_403_in_plain_text(orders: Service, sap: Gateway, session) -> None:
    session.headers["x-csrf-token"] = "stale"
    with pytest.raises(BusinessGatewayError) as refused:
        create(orders, sap.order("CSRF"))
    assert refused.value.response.status_code == 403
    assert refused.value.response.headers["x-csrf-token"] == "Required"
    assert refused.value.response.text == "CSRF token validation failed"


def test_user_who_may_only_display_is_403(sap: Gateway, session: requests.Session) -> None:
    orders = service(sap, session, ("DISPLAY", "Display-1710!"))
    with pytest.raises(BusinessGatewayError, match="no authorization") as refused:
        create(orders, sap.order("DENIED"))
    assert refused.value.response.status_code == 403


def test_service_that_is_not_active_is_403_with_its_own_code(sap: Gateway, session: requests.Session) -> None:
    session.auth = ("TANDEM", "Welcome-1710!")
    with pytest.raises(BusinessGatewayError, match="No service found") as refused:
        pyodata.Client(str(sap.client.base_url) + f"{ROOT}API_NOT_ACTIVE_SRV/", session)
    assert refused.value.response.status_code == 403


def test_master_data_cannot_be_written(sap: Gateway, session: requests.Session) -> None:
    partners = service(sap, session, name="API_BUSINESS_PARTNER")
    with pytest.raises(BusinessGatewayError) as refused:
        partners.entity_sets.A_Customer.update_entity(sap.customer).set(OrderIsBlockedForCustomer="01").execute()
    assert refused.value.response.status_code == 405


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        ("throttle", 429, "Too many requests"),
        ("error_500_before_commit", 500, "dump"),
        ("error_503_before_commit", 503, "HTTP POST"),
        ("maintenance", 503, "HTTP POST"),
    ],
)
def test_trouble_of_the_moment_stores_nothing(fault: str, status: int, said: str, session: requests.Session) -> None:
    with gateway() as sap:
        orders = service(sap, session)
        sap.faults.add(f"{fault}:sales_order.create:x1")
        with pytest.raises(BusinessGatewayError, match=said) as refused:
            create(orders, sap.order("TROUBLE"))
        assert refused.value.response.status_code == status
        assert sap.books.census()["sales_orders"] == 0
        assert create(orders, sap.order("TROUBLE")).SalesOrder


def test_warning_of_a_created_order_is_no_error(session: requests.Session) -> None:
    with gateway(credit_limit=Decimal("0.01")) as sap:
        order = sap.order("CREDIT")
        price = {"ConditionType": "PPR0", "ConditionRateValue": "5.00", "ConditionCurrency": "GBP"}
        order["to_Item"] = [order["to_Item"][0] | {"to_PricingElement": [price]}]
        assert create(service(sap, session), order).TotalCreditCheckStatus == "B"
