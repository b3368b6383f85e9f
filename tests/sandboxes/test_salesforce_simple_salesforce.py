"""``simple-salesforce``, a client we did not write, against the Salesforce sandbox over TLS."""

from datetime import UTC, datetime, timedelta

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from starlette.applications import Starlette

from fixtures.retail import generate
from fixtures.salesforce.sandbox import Switches, build
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import Server, serve
from tests.sandboxes.simple import logged_in, trusting

ORDERS = 80


@pytest.fixture(scope="module")
def app() -> Starlette:
    return build(generate(ORDERS, seed=5), FaultPlan(), Switches(child_page=4))


def test_jwt_bearer_login_with_the_private_key_opens_a_session(salesforce: Salesforce) -> None:
    assert salesforce.query("SELECT count() FROM Order")["totalSize"] == ORDERS


def test_password_login_with_consumer_key_and_secret_opens_a_session(app: Starlette, session: requests.Session) -> None:
    given = app.state.credentials
    client = Salesforce(
        username=given["username"],
        password=given["password"],
        consumer_key=given["client_id"],
        consumer_secret=given["client_secret"],
        session=session,
    )
    assert client.query("SELECT Id FROM User LIMIT 1")["done"] is True


def test_client_credentials_login_opens_a_session(app: Starlette, session: requests.Session) -> None:
    given = app.state.credentials
    client = Salesforce(
        consumer_key=given["client_id"], consumer_secret=given["client_secret"], domain="acme.my", session=session
    )
    assert client.query("SELECT Id FROM User LIMIT 1")["done"] is True


def test_session_id_of_another_login_is_enough(
    salesforce: Salesforce, server: Server, session: requests.Session
) -> None:
    client = Salesforce(session_id=salesforce.session_id, instance_url=server.url, session=session)
    assert client.query("SELECT Id FROM Order LIMIT 1")["totalSize"] == 1


def test_wrong_consumer_key_is_refused(app: Starlette, session: requests.Session) -> None:
    with pytest.raises(SalesforceAuthenticationFailed, match="client identifier invalid"):
        logged_in(app, session, consumer_key="3MVG9wrong")


def test_user_who_is_not_preauthorised_is_refused(app: Starlette, session: requests.Session) -> None:
    with (
        pytest.warns(UserWarning, match="authorize this"),
        pytest.raises(SalesforceAuthenticationFailed, match="hasn't approved this consumer"),
    ):
        logged_in(app, session, username="stranger@example.com")


def test_query_all_follows_pages_to_the_last_record(salesforce: Salesforce) -> None:
    found = salesforce.query_all(
        "SELECT Id, (SELECT Id FROM OrderItems) FROM Order ORDER BY PoNumber",
        headers={"Sforce-Query-Options": "batchSize=200"},
    )
    assert found["done"] is True
    assert len({record["Id"] for record in found["records"]}) == ORDERS


def test_pages_of_two_hundred_add_up(app: Starlette, salesforce: Salesforce) -> None:
    wanted = len(app.state.org.tables["OrderItem"])
    first = salesforce.query("SELECT Id FROM OrderItem", headers={"Sforce-Query-Options": "batchSize=200"})
    second = salesforce.query("SELECT Id FROM OrderItem LIMIT 150", headers={"Sforce-Query-Options": "batchSize=1"})
    assert (first["totalSize"], first["done"], len(first["records"])) == (wanted, False, 200)
    assert (second["done"], len(second["records"])) == (True, 150)


def test_child_records_beyond_their_page_come_by_locator(app: Starlette, salesforce: Salesforce) -> None:
    items = app.state.org.tables["OrderItem"]
    order = max(app.state.org.tables["Order"], key=lambda each: len(items.matching("OrderId", each["Id"])))
    wanted = len(items.matching("OrderId", order["Id"]))
    found = salesforce.query(f"SELECT Id, (SELECT Id FROM OrderItems) FROM Order WHERE Id = '{order['Id']}'")
    page = found["records"][0]["OrderItems"]
    ids = [record["Id"] for record in page["records"]]
    assert len(ids) == 4 < wanted
    while not page["done"]:
        page = salesforce.query_more(page["nextRecordsUrl"], identifier_is_url=True)
        ids += [record["Id"] for record in page["records"]]
    assert len(ids) == len(set(ids)) == wanted == page["totalSize"]


def test_describe_tells_objects_fields_and_external_ids(salesforce: Salesforce) -> None:
    objects = salesforce.describe()
    assert objects is not None
    assert {"Account", "Order", "OrderItem", "Task"} <= {each["name"] for each in objects["sobjects"]}
    fields = {field["name"]: field for field in salesforce.Order.describe()["fields"]}
    assert fields["ERP_Order_Key__c"]["externalId"] is True
    assert fields["ERP_Order_Key__c"]["unique"] is True
    assert [each["value"] for each in fields["Sync_Status__c"]["picklistValues"]] == [
        "待同步",
        "已同步",
        "待补货",
        "同步失败",
    ]
    assert fields["OrderNumber"]["createable"] is False


def test_record_is_created_read_changed_and_deleted(salesforce: Salesforce) -> None:
    created = salesforce.Account.create({"Name": '上海 "永旺" {礼品}', "ERP_Customer_Code__c": "C-900"})
    assert created["success"] is True
    assert len(created["id"]) == 18
    assert salesforce.Account.update(created["id"], {"Phone": "021"}) == 204
    read = salesforce.Account.get(created["id"])
    assert (read["Name"], read["Phone"], read["AccountNumber"]) == ('上海 "永旺" {礼品}', "021", None)
    assert salesforce.Account.get_by_custom_id("ERP_Customer_Code__c", "c-900")["Id"] == created["id"]
    assert salesforce.Account.delete(created["id"]) == 204
    with pytest.raises(SalesforceResourceNotFound) as raised:
        salesforce.Account.get(created["id"][:15])
    assert raised.value.content[0]["errorCode"] == "ENTITY_IS_DELETED"


def test_upsert_by_external_id_creates_once_and_then_updates(salesforce: Salesforce) -> None:
    order = salesforce.query("SELECT Id FROM Order LIMIT 1")["records"][0]["Id"]
    task = {"Subject": "订单待补货", "WhatId": order}
    assert salesforce.Task.upsert("Tandem_Key__c/run-1", task) == 201
    assert salesforce.Task.upsert("Tandem_Key__c/run-1", task | {"Description": "2 PC"}) == 200
    found = salesforce.query("SELECT Description FROM Task WHERE Tandem_Key__c = 'run-1'")["records"]
    assert [each["Description"] for each in found] == ["2 PC"]


def test_upsert_that_meets_two_records_is_refused(salesforce: Salesforce) -> None:
    for name in ("one", "two"):
        salesforce.Contact.create({"LastName": name, "Email": "same@example.com"})
    with pytest.raises(SalesforceMoreThanOneRecord) as raised:
        salesforce.Contact.upsert("Email/same@example.com", {"LastName": "three"})
    assert [url.split("/")[-2] for url in raised.value.content] == ["Contact", "Contact"]


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Nonsense FROM Order", "INVALID_FIELD"),
        ("SELECT Id FROM Nonsense", "INVALID_TYPE"),
        ("SELECT Id FORM Order", "MALFORMED_QUERY"),
    ],
)
def test_wrong_query_is_a_malformed_request_with_its_code(salesforce: Salesforce, soql: str, code: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as raised:
        salesforce.query(soql)
    assert raised.value.content[0]["errorCode"] == code
    assert "^\nERROR at Row:1:Column:" in raised.value.content[0]["message"]


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"Phone": "1"}, "REQUIRED_FIELD_MISSING"),
        ({"Name": "x", "Nonsense": 1}, "INVALID_FIELD"),
        ({"Name": "x" * 256}, "STRING_TOO_LONG"),
        ({"Name": "x", "CreatedDate": "2026-01-01T00:00:00Z"}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
    ],
)
def test_wrong_record_is_a_malformed_request_with_its_code(
    salesforce: Salesforce, values: dict[str, object], code: str
) -> None:
    with pytest.raises(SalesforceMalformedRequest) as raised:
        salesforce.Account.create(values)
    assert raised.value.content[0]["errorCode"] == code


def test_unknown_object_and_record_are_not_found(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Nonsense.get("001000000000000AAA")
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Account.get("001Tn00zzzzzzzz")


def test_expired_session_says_so(app: Starlette, server: Server, session: requests.Session) -> None:
    token = logged_in(app, session).session_id
    client = Salesforce(session_id=token, instance_url=server.url, session=session)
    app.state.sessions.close_all()
    with pytest.raises(SalesforceExpiredSession) as raised:
        client.query("SELECT Id FROM Order LIMIT 1")
    assert raised.value.content == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]


def test_spent_daily_limit_is_a_refused_request() -> None:
    small = build(generate(2), FaultPlan(), Switches(daily_limit=1))
    with serve(small, tls=True) as server, requests.Session() as opened:
        client = logged_in(small, trusting(opened, server))
        client.query("SELECT Id FROM Order")
        assert client.api_usage["api-usage"].used == client.api_usage["api-usage"].total == 1
        with pytest.raises(SalesforceRefusedRequest) as raised:
            client.query("SELECT Id FROM Order")
    assert raised.value.content[0]["errorCode"] == "REQUEST_LIMIT_EXCEEDED"


def test_changes_and_deletions_of_the_last_days_are_told(app: Starlette, salesforce: Salesforce) -> None:
    account = salesforce.Account.create({"Name": "short-lived"})["id"]
    salesforce.Account.delete(account)
    start, end = datetime.now(UTC) - timedelta(days=2), datetime.now(UTC) + timedelta(minutes=2)
    changed = salesforce.Order.updated(start, end)
    assert changed is not None
    assert len(changed["ids"]) == ORDERS
    assert changed["latestDateCovered"].endswith("+0000")
    gone = salesforce.Account.deleted(start, end)
    assert gone is not None
    assert set(gone) == {"deletedRecords", "earliestDateAvailable", "latestDateCovered"}
