"""The SAP sandbox seen by pyodata, an OData V2 client written by SAP and not by us."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pyodata
import pytest
import requests
from pyodata.exceptions import HttpError
from pyodata.v2.service import Service
from starlette.applications import Starlette

from fixtures.retail import generate
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from fixtures.sap_s4hana.books import Books
from fixtures.sap_s4hana.sandbox import CREDENTIALS, Switches, build

ROOT = "/sap/opu/odata/sap/"


@pytest.fixture(scope="module")
def app() -> Starlette:
    return build(generate(80, seed=3), FaultPlan(), Switches(page_size=7))


@pytest.fixture(scope="module")
def url(app: Starlette) -> Iterator[str]:
    with serve(app) as server:
        yield server.url


@pytest.fixture
def session(url: str) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.auth = (CREDENTIALS["username"], CREDENTIALS["password"])
        fetched = session.head(f"{url}{ROOT}API_SALES_ORDER_SRV/", headers={"x-csrf-token": "Fetch"})
        session.headers["x-csrf-token"] = fetched.headers["x-csrf-token"]
        yield session


@pytest.fixture
def books(app: Starlette) -> Books:
    return app.state.books


@pytest.fixture
def orders(url: str, session: requests.Session) -> Service:
    return pyodata.Client(f"{url}{ROOT}API_SALES_ORDER_SRV/", session)


def open_customer(books: Books) -> str:
    return next(customer.number for customer in books.customers.values() if not customer.order_block)


def goods(books: Books) -> list[str]:
    return [code for code, quantity in books.stock.on_hand.items() if quantity > 20]


def order(books: Books, reference: str, *materials: str) -> dict[str, object]:
    items = [
        {
            "SalesOrderItem": str(number * 10),
            "Material": material,
            "RequestedQuantity": "2",
            "to_PricingElement": [
                {"ConditionType": "PPR0", "ConditionRateValue": "1.255", "ConditionCurrency": "GBP"},
            ],
        }
        for number, material in enumerate(materials, start=1)
    ]
    return {
        "SalesOrderType": "OR",
        "SalesOrganization": "1710",
        "DistributionChannel": "10",
        "OrganizationDivision": "00",
        "SoldToParty": open_customer(books),
        "PurchaseOrderByCustomer": reference,
        "TransactionCurrency": "GBP",
        "to_Item": items,
    }


def test_deep_insert_is_stored_and_answered_with_its_items(orders: Service, books: Books) -> None:
    first, second = goods(books)[:2]
    created = orders.entity_sets.A_SalesOrder.create_entity().set(**order(books, "PYO-1", first, second)).execute()
    stored = books.sales_order(created.SalesOrder)
    assert stored.reference == "PYO-1"
    assert [(item.material, str(item.price)) for item in stored.items.values()] == [(first, "1.255"), (second, "1.255")]
    assert [item.Material for item in created.to_Item] == [first, second]
    assert float(created.TotalNetAmount) == float(stored.net_amount) == 5.02


def test_query_filters_expands_and_counts(orders: Service, books: Books) -> None:
    for _ in range(2):
        orders.entity_sets.A_SalesOrder.create_entity().set(**order(books, "PYO-2", goods(books)[0])).execute()
    query = orders.entity_sets.A_SalesOrder.get_entities().filter("PurchaseOrderByCustomer eq 'PYO-2'")
    found = query.expand("to_Item/to_ScheduleLine").count(inline=True).execute()
    assert found.total_count == 2
    lines = [line for entity in found for item in entity.to_Item for line in item.to_ScheduleLine]
    assert [float(line.ScheduleLineOrderQuantity) for line in lines] == [2.0, 2.0]


def test_server_pages_are_followed_by_next(orders: Service, books: Books) -> None:
    for _ in range(9):
        orders.entity_sets.A_SalesOrder.create_entity().set(**order(books, "PYO-3", goods(books)[0])).execute()
    query = orders.entity_sets.A_SalesOrder.get_entities().filter("PurchaseOrderByCustomer eq 'PYO-3'")
    page = query.execute()
    assert len(page) == 7
    rest = orders.entity_sets.A_SalesOrder.get_entities().next_url(page.next_url).execute()
    assert len(rest) == 2
    assert rest.next_url is None
    assert len({entity.SalesOrder for entity in [*page, *rest]}) == 9


def test_change_of_an_item_needs_no_etag_and_of_a_header_does(orders: Service, books: Books) -> None:
    created = orders.entity_sets.A_SalesOrder.create_entity().set(**order(books, "PYO-4", goods(books)[0])).execute()
    items = orders.entity_sets.A_SalesOrderItem
    items.update_entity(SalesOrder=created.SalesOrder, SalesOrderItem="10").set(SalesDocumentRjcnReason="61").execute()
    assert books.sales_order(created.SalesOrder).rejected
    with pytest.raises(HttpError) as refused:
        orders.entity_sets.A_SalesOrder.update_entity(created.SalesOrder).set(PurchaseOrderByCustomer="X").execute()
    assert refused.value.response.status_code == 428


def test_unknown_material_is_refused_with_the_sap_message(orders: Service, books: Books) -> None:
    before = books.census()["sales_orders"]
    with pytest.raises(HttpError) as refused:
        orders.entity_sets.A_SalesOrder.create_entity().set(**order(books, "PYO-5", "NO-SUCH")).execute()
    error = refused.value.response.json()["error"]
    assert (refused.value.response.status_code, error["code"]) == (400, "V1/382")
    assert "Material NO-SUCH is not defined" in error["message"]["value"]
    assert books.census()["sales_orders"] == before


def test_failing_changeset_stores_nothing_and_the_rest_of_the_batch_stands(orders: Service, books: Books) -> None:
    created = orders.entity_sets.A_SalesOrder.create_entity().set(**order(books, "PYO-6", goods(books)[0])).execute()
    number = created.SalesOrder
    items = orders.entity_sets.A_SalesOrderItem
    changeset = orders.create_changeset()
    good = items.update_entity(SalesOrder=number, SalesOrderItem="10").set(SalesDocumentRjcnReason="61")
    bad = items.update_entity(SalesOrder=number, SalesOrderItem="10").set(SalesDocumentRjcnReason="99")
    changeset.add_request(good)
    changeset.add_request(bad)
    batch = orders.create_batch()
    batch.add_request(changeset)
    with pytest.raises(HttpError) as refused:
        batch.execute()
    assert refused.value.response.status_code == 400
    assert books.sales_order(number).items[10].rejection_reason == ""


def test_batch_of_reads_and_a_changeset_answers_each(orders: Service, books: Books) -> None:
    created = orders.entity_sets.A_SalesOrder.create_entity().set(**order(books, "PYO-7", goods(books)[0])).execute()
    items = orders.entity_sets.A_SalesOrderItem
    changeset = orders.create_changeset()
    changeset.add_request(
        items.update_entity(SalesOrder=created.SalesOrder, SalesOrderItem="10").set(SalesDocumentRjcnReason="61")
    )
    batch = orders.create_batch()
    batch.add_request(orders.entity_sets.A_SalesOrder.get_entity(created.SalesOrder))
    batch.add_request(changeset)
    batch.add_request(items.get_entity(SalesOrder=created.SalesOrder, SalesOrderItem="10"))
    header, _, item = batch.execute()
    assert header.PurchaseOrderByCustomer == "PYO-7"
    assert item.SalesDocumentRjcnReason == "61"


def test_availability_by_function_import(url: str, session: requests.Session, books: Books) -> None:
    service = pyodata.Client(f"{url}{ROOT}API_PRODUCT_AVAILY_INFO_BASIC/", session)
    material = goods(books)[3]
    call = service.functions.DetermineAvailabilityAt
    call.parameter("Material", material).parameter("SupplyingPlant", "1710").parameter("ATPCheckingRule", "A")
    answer = call.parameter("RequestedUTCDateTime", datetime(2026, 12, 1, tzinfo=UTC)).execute()
    record = answer["DetermineAvailabilityAt"]
    assert float(record["AvailableQuantityInBaseUnit"]) == float(books.availability(material, "1710"))


def test_master_data_is_read_with_its_sales_area(url: str, session: requests.Session, books: Books) -> None:
    service = pyodata.Client(f"{url}{ROOT}API_BUSINESS_PARTNER/", session)
    number = open_customer(books)
    customer = service.entity_sets.A_Customer.get_entity(number.zfill(10)).expand("to_CustomerSalesArea").execute()
    assert customer.Customer == number
    assert [area.Currency for area in customer.to_CustomerSalesArea] == ["GBP"]


def test_wrong_password_is_401(url: str) -> None:
    with requests.Session() as session:
        session.auth = (CREDENTIALS["username"], "wrong")
        with pytest.raises(HttpError) as refused:
            pyodata.Client(f"{url}{ROOT}API_SALES_ORDER_SRV/", session)
    assert refused.value.response.status_code == 401
