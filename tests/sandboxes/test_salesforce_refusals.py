"""Every refusal of Salesforce that ``simple-salesforce`` can tell apart, from the sandbox over TLS."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from joserfc.jwk import RSAKey
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from starlette.applications import Starlette

from fixtures.retail import generate
from fixtures.salesforce.sandbox import Switches, build
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from tests.sandboxes.simple import logged_in, trusting

FAULTS = FaultPlan()
KEY = "ERP_Customer_Code__c"


@pytest.fixture(scope="module")
def app() -> Starlette:
    return build(generate(20, seed=5), FAULTS)


def code(error: SalesforceError) -> str:
    content: Any = error.content
    return str(content[0]["errorCode"])


def draft(salesforce: Salesforce, **values: object) -> str:
    """The id of a new order without products."""
    account = salesforce.query("SELECT Id FROM Account LIMIT 1")["records"][0]["Id"]
    book = salesforce.query("SELECT Id FROM Pricebook2 LIMIT 1")["records"][0]["Id"]
    order = {"AccountId": account, "Pricebook2Id": book, "EffectiveDate": "2026-01-31", "Status": "Draft"}
    return str(salesforce.Order.create(order | values)["id"])


def with_product(salesforce: Salesforce, order: str) -> str:
    """The id of the order, which now has a product."""
    entry = salesforce.query("SELECT Id FROM PricebookEntry LIMIT 1")["records"][0]["Id"]
    salesforce.OrderItem.create({"OrderId": order, "PricebookEntryId": entry, "Quantity": 1, "UnitPrice": 2.5})
    return order


def activated(salesforce: Salesforce) -> str:
    order = with_product(salesforce, draft(salesforce))
    salesforce.Order.update(order, {"Status": "Activated"})
    return order


Step = Callable[[Salesforce], object]
MALFORMED: dict[str, Step] = {
    "FAILED_ACTIVATION": lambda crm: crm.Order.update(draft(crm), {"Status": "Activated"}),
    "ENTITY_IS_LOCKED": lambda crm: crm.Order.update(activated(crm), {"EffectiveDate": "2026-02-01"}),
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": lambda crm: crm.Order.update(draft(crm), {"Status": "Shipped"}),
    "INVALID_CROSS_REFERENCE_KEY": lambda crm: crm.Order.update(draft(crm), {"AccountId": "001Tn00zzzzzzzz"}),
    "MALFORMED_ID": lambda crm: crm.Order.update(draft(crm), {"AccountId": "nonsense"}),
    "FIELD_INTEGRITY_EXCEPTION": lambda crm: with_product(crm, draft(crm, Pricebook2Id=None)),
    "JSON_PARSER_ERROR": lambda crm: crm.Order.update(draft(crm), {"EffectiveDate": "2026-01-31T00:00:00Z"}),
    "INVALID_QUERY_LOCATOR": lambda crm: crm.query_more("01gTn0000000000AAA-2000"),
    "INVALID_REPLICATION_DATE": lambda crm: crm.Order.updated(
        datetime.now(UTC) - timedelta(days=40), datetime.now(UTC)
    ),
    "MALFORMED_QUERY": lambda crm: crm.query(""),
}


@pytest.mark.parametrize("expected", MALFORMED)
def test_refusal_of_the_request_is_malformed_with_its_code(salesforce: Salesforce, expected: str) -> None:
    with pytest.raises(SalesforceMalformedRequest) as raised:
        MALFORMED[expected](salesforce)
    assert code(raised.value) == expected


def test_second_record_with_a_unique_key_is_a_duplicate_that_names_the_first(salesforce: Salesforce) -> None:
    first = salesforce.Account.create({"Name": "first", KEY: "TWIN-1"})["id"]
    with pytest.raises(SalesforceMalformedRequest) as raised:
        salesforce.Account.create({"Name": "second", KEY: "twin-1"})
    assert code(raised.value) == "DUPLICATE_VALUE"
    assert first[:15] in raised.value.content[0]["message"]


def test_duplicate_rule_is_a_refusal_of_its_own_until_told_otherwise() -> None:
    strict = build(generate(2, seed=5), FaultPlan(), Switches(duplicate_rule=True))
    with serve(strict, tls=True) as server, requests.Session() as opened:
        crm = logged_in(strict, trusting(opened, server))
        crm.Account.create({"Name": "Twin"})
        with pytest.raises(SalesforceMalformedRequest) as raised:
            crm.Account.create({"Name": "Twin"})
        assert code(raised.value) == "DUPLICATES_DETECTED"
        allowed = crm.Account.create({"Name": "Twin"}, headers={"Sforce-Duplicate-Rule-Header": "allowSave=true"})
        assert allowed["success"] is True


@pytest.mark.parametrize(
    ("fault", "error", "expected"),
    [
        ("locked", SalesforceMalformedRequest, "UNABLE_TO_LOCK_ROW"),
        ("throttle", SalesforceRefusedRequest, "REQUEST_LIMIT_EXCEEDED"),
        ("error_500_before_commit", SalesforceGeneralError, "UNKNOWN_EXCEPTION"),
        ("error_503_before_commit", SalesforceGeneralError, "SERVER_UNAVAILABLE"),
    ],
)
def test_trouble_of_the_moment_changes_nothing_and_passes(salesforce: Salesforce, fault, error, expected) -> None:
    order = draft(salesforce)
    FAULTS.add(f"{fault}:sales_order.set_status:x1")
    with pytest.raises(error) as raised:
        salesforce.Order.update(order, {"Description": "late"})
    assert code(raised.value) == expected
    assert salesforce.Order.get(order)["Description"] is None
    assert salesforce.Order.update(order, {"Description": "late"}) == 204


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "expected"),
    [
        ("DELETE", "query", {}, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "sobjects/Account", {"Content-Type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
    ],
)
def test_wrong_use_of_http_is_a_general_error(
    salesforce: Salesforce, method: str, path: str, headers: dict[str, str], status: int, expected: str
) -> None:
    with pytest.raises(SalesforceGeneralError) as raised:
        salesforce.restful(path, method=method, headers=headers, data="{}")
    assert (raised.value.status, code(raised.value)) == (status, expected)


def test_account_changed_meanwhile_is_a_failed_precondition(salesforce: Salesforce) -> None:
    account = salesforce.Account.create({"Name": "shared"})["id"]
    with pytest.raises(SalesforceGeneralError) as raised:
        salesforce.Account.update(account, {"Phone": "021"}, headers={"If-Match": '"of yesterday"'})
    assert (raised.value.status, code(raised.value)) == (412, "PRECONDITION_FAILED")


def test_upsert_by_external_id_says_what_it_did(salesforce: Salesforce) -> None:
    address = f"{KEY}/U%2F1%C3%B6"
    answers = [salesforce.Account.upsert(address, {"Name": name}, raw_response=True) for name in ("one", "two")]
    assert [(each.status_code, each.json()["created"]) for each in answers] == [(201, True), (200, False)]
    account = answers[0].json()["id"]
    assert answers[1].json()["id"] == account
    assert salesforce.Account.get_by_custom_id(KEY, "u/1ö")["Name"] == "two"
    values = {"Account": {KEY: "U/1ö"}, "EffectiveDate": "2026-01-31", "Status": "Draft"}
    assert salesforce.Order.upsert("ERP_Order_Key__c/U-2", values) == 201
    assert salesforce.Order.get_by_custom_id("ERP_Order_Key__c", "U-2")["AccountId"] == account


@pytest.mark.parametrize(
    ("address", "values", "error", "expected"),
    [
        ("Phone/1", {"Name": "x"}, SalesforceResourceNotFound, "NOT_FOUND"),
        (f"{KEY}/NOBODY?updateOnly=true", {"Name": "x"}, SalesforceResourceNotFound, "NOT_FOUND"),
        (f"{KEY}/K-1", {"Name": "x", KEY: "K-1"}, SalesforceMalformedRequest, "INVALID_FIELD"),
        (f"{KEY}/K-2", {"Phone": "1"}, SalesforceMalformedRequest, "REQUIRED_FIELD_MISSING"),
    ],
    ids=["no external id", "update only", "key in the body", "field missing"],
)
def test_upsert_that_is_wrong_creates_nothing(salesforce: Salesforce, address, values, error, expected) -> None:
    before = salesforce.query("SELECT count() FROM Account")["totalSize"]
    with pytest.raises(error) as raised:
        salesforce.Account.upsert(address, values)
    assert code(raised.value) == expected
    assert salesforce.query("SELECT count() FROM Account")["totalSize"] == before


def test_key_that_several_records_share_is_more_than_one_record(salesforce: Salesforce) -> None:
    ids = [salesforce.Contact.create({"LastName": name, "Email": "team@example.com"})["id"] for name in "ab"]
    with pytest.raises(SalesforceMoreThanOneRecord) as raised:
        salesforce.Contact.get_by_custom_id("Email", "team@example.com")
    assert sorted(url.rpartition("/")[2] for url in raised.value.content) == sorted(ids)
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Contact.get_by_custom_id("Email", "nobody@example.com")


def test_expired_session_is_renewed_by_a_client_that_can(app: Starlette, salesforce: Salesforce) -> None:
    app.state.sessions.close_all()
    assert salesforce.query("SELECT count() FROM Order")["totalSize"] >= 20


def test_wrong_private_key_is_a_failed_authentication(
    app: Starlette, session: requests.Session, tmp_path: Path
) -> None:
    key = tmp_path / "other.pem"
    key.write_bytes(RSAKey.generate_key(2048).as_pem(private=True))
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid assertion"):
        logged_in(app, session, privatekey_file=str(key))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"password": "wrong"}, "authentication failure"),
        ({"consumer_secret": "wrong"}, "invalid client credentials"),
        ({"consumer_key": "wrong"}, "client identifier invalid"),
    ],
)
def test_wrong_credentials_are_a_failed_authentication(app, session: requests.Session, wrong, said: str) -> None:
    given = app.state.credentials
    right = {
        "username": given["username"],
        "password": given["password"],
        "consumer_key": given["client_id"],
        "consumer_secret": given["client_secret"],
    }
    with pytest.raises(SalesforceAuthenticationFailed, match=said):
        Salesforce(session=session, **right | wrong)


def test_app_without_a_user_to_run_as_is_refused(app: Starlette, session: requests.Session) -> None:
    given, connected = app.state.credentials, app.state.connected_app
    run_as, connected.run_as = connected.run_as, None
    try:
        with pytest.raises(SalesforceAuthenticationFailed, match="no client credentials user enabled"):
            Salesforce(
                consumer_key=given["client_id"],
                consumer_secret=given["client_secret"],
                domain="acme.my",
                session=session,
            )
    finally:
        connected.run_as = run_as
