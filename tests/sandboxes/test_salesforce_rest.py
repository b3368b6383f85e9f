"""The Salesforce sandbox over plain HTTP: what ``simple-salesforce`` does not reach."""

import asyncio
import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from fixtures.retail import Retail, generate
from fixtures.salesforce import ids
from fixtures.salesforce.sandbox import CREDENTIALS, Switches, build
from fixtures.sandbox.clock import SandboxClock
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve

V66 = "/services/data/v66.0"
CLIENT = {name: CREDENTIALS[name] for name in ("client_id", "client_secret")}
USER = {name: CREDENTIALS[name] for name in ("username", "password")}
WEB_KEYS = {"id", "issued_at", "instance_url", "signature", "access_token"}


class Org:
    """A served sandbox with a logged-in HTTP client."""

    def __init__(self, url: str, state: Any, faults: FaultPlan, clock: SandboxClock) -> None:
        self.url = url
        self.state = state
        self.faults = faults
        self.clock = clock
        self.http = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {self.log_in()}"})

    def log_in(self) -> str:
        answer = self.token(grant_type="client_credentials", **CLIENT)
        return str(answer.json()["access_token"])

    def token(self, **form: str) -> httpx.Response:
        return httpx.post(f"{self.url}/services/oauth2/token", data=form)

    def query(self, soql: str) -> list[dict[str, Any]]:
        answer = self.http.get(f"{V66}/query", params={"q": soql})
        assert answer.status_code == 200, answer.text
        return list(answer.json()["records"])

    def create(self, sobject: str, **values: object) -> httpx.Response:
        return self.http.post(f"{V66}/sobjects/{sobject}", json=values)

    def made(self, sobject: str, **values: object) -> str:
        answer = self.create(sobject, **values)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def draft(self) -> dict[str, str]:
        """A draft order, and a price book entry to put on it."""
        account = self.query("SELECT Id FROM Account LIMIT 1")[0]["Id"]
        entry = self.query("SELECT Id, Pricebook2Id FROM PricebookEntry LIMIT 1")[0]
        order = self.made(
            "Order",
            AccountId=account,
            Pricebook2Id=entry["Pricebook2Id"],
            EffectiveDate="2026-01-31",
            Status="Draft",
        )
        return {"order": order, "entry": entry["Id"], "account": account}


@contextmanager
def served(switches: Switches = Switches(), retail: Retail | None = None) -> Iterator[Org]:  # noqa: B008 - frozen
    faults, clock = FaultPlan(), SandboxClock()
    app = build(retail or generate(12, seed=2), faults, switches, clock=clock)
    with serve(app) as server:
        org = Org(server.url, app.state, faults, clock)
        with org.http:
            yield org


@pytest.fixture(scope="module")
def shared() -> Iterator[Org]:
    with served() as org:
        yield org


@pytest.fixture
def org(shared: Org) -> Iterator[Org]:
    yield shared
    shared.faults.clear()


def code(answer: httpx.Response) -> str:
    return str(answer.json()[0]["errorCode"])


@pytest.mark.parametrize(
    ("short", "long"),
    [("00D000000000062", "00D000000000062EAA"), ("001A0000006Vm9r", "001A0000006Vm9rIAC")],
)
def test_id_gets_the_documented_checksum(short: str, long: str) -> None:
    assert ids.lengthened(short) == long
    assert ids.normalised(short) == ids.normalised(long.upper()) == long


def test_id_with_a_wrong_checksum_is_no_id() -> None:
    assert ids.normalised("001A0000006Vm9rBAA") is None
    assert ids.normalised("801-not-an-id--") is None


def test_each_grant_answers_with_its_own_keys(org: Org) -> None:
    password = org.token(grant_type="password", **CLIENT, **USER).json()
    machine = org.token(grant_type="client_credentials", **CLIENT).json()
    assert set(password) == WEB_KEYS
    assert set(machine) == WEB_KEYS | {"scope", "token_type", "api_instance_url"}
    assert isinstance(machine["issued_at"], str)
    assert machine["instance_url"] == org.url


@pytest.mark.parametrize(
    ("form", "error", "description"),
    [
        ({"grant_type": "magic"}, "unsupported_grant_type", "grant type not supported"),
        ({"grant_type": "client_credentials"}, "invalid_client_id", "client identifier invalid"),
        (
            {"grant_type": "client_credentials", **CLIENT, "client_secret": "x"},
            "invalid_client",
            "invalid client credentials",
        ),
        ({"grant_type": "password", **CLIENT, **USER, "password": "x"}, "invalid_grant", "authentication failure"),
        (
            {"grant_type": "refresh_token", **CLIENT, "refresh_token": "x"},
            "invalid_grant",
            "expired access/refresh token",
        ),
        (
            {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": "a.b.c"},
            "invalid_grant",
            "invalid assertion",
        ),
        ({"grant_type": "authorization_code", **CLIENT, "code": "x"}, "invalid_grant", "expired authorization code"),
    ],
)
def test_refused_login_is_400_with_its_error(org: Org, form: dict[str, str], error: str, description: str) -> None:
    answer = org.token(**form)
    assert answer.status_code == 400
    assert answer.json() == {"error": error, "error_description": description}


@pytest.mark.parametrize("host", ["login.salesforce.com", "test.salesforce.com"])
def test_client_credentials_are_refused_on_the_common_login_hosts(org: Org, host: str) -> None:
    form = {"grant_type": "client_credentials", **CLIENT}
    answer = httpx.post(f"{org.url}/services/oauth2/token", data=form, headers={"Host": host})
    assert answer.json() == {"error": "invalid_grant", "error_description": "request not supported on this domain"}


def test_code_comes_after_a_browser_login_and_is_good_once(org: Org) -> None:
    verifier, redirect = "v" * 43, "http://127.0.0.1:1/callback"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {"client_id": CLIENT["client_id"], "redirect_uri": redirect, "code_challenge": challenge, "state": "s"}
    with httpx.Client(base_url=org.url) as browser:
        login = browser.get("/services/oauth2/authorize", params=asked)
        start = login.headers["Location"].partition("startURL=")[2]
        form = {"username": USER["username"], "pw": USER["password"], "startURL": unquote(start)}
        code = browser.get(browser.post("/login", data=form).headers["Location"]).headers["Location"]
    assert code.startswith(f"{redirect}?code=")
    assert code.endswith("&state=s")
    form = {"grant_type": "authorization_code", "code": unquote(code.partition("=")[2].partition("&")[0])}
    wrong = org.token(**form, redirect_uri="http://elsewhere", code_verifier=verifier)
    assert wrong.json()["error"] == "invalid_grant"
    assert org.token(**form, redirect_uri=redirect, code_verifier=verifier).status_code == 400, "a code is good once"


@pytest.mark.parametrize(("verifier", "status"), [("v" * 43, 200), ("w" * 43, 400)])
def test_code_is_redeemed_with_its_verifier_only(org: Org, verifier: str, status: int) -> None:
    redirect = "http://127.0.0.1:1/callback"
    challenge = base64.urlsafe_b64encode(hashlib.sha256(b"v" * 43).digest()).rstrip(b"=").decode()
    asked = {"client_id": CLIENT["client_id"], "redirect_uri": redirect, "code_challenge": challenge}
    with httpx.Client(base_url=org.url) as browser:
        browser.post("/login", data={"username": USER["username"], "pw": USER["password"]})
        location = browser.get("/services/oauth2/authorize", params=asked).headers["Location"]
    code = unquote(location.partition("=")[2])
    answer = org.token(grant_type="authorization_code", code=code, redirect_uri=redirect, code_verifier=verifier)
    assert answer.status_code == status
    if status == 200:
        assert set(answer.json()) == WEB_KEYS | {"refresh_token"}
        again = org.token(grant_type="refresh_token", **CLIENT, refresh_token=answer.json()["refresh_token"])
        assert set(again.json()) == WEB_KEYS


def test_token_lives_as_long_as_it_is_used() -> None:
    with served(Switches(session_life_s=100)) as org:
        for _ in range(3):
            org.clock.advance(60)
            assert org.http.get(f"{V66}/limits").status_code == 200
        org.clock.advance(101)
        assert code(org.http.get(f"{V66}/limits")) == "INVALID_SESSION_ID"


def test_revoked_token_is_no_longer_valid(org: Org) -> None:
    token = org.log_in()
    httpx.post(f"{org.url}/services/oauth2/revoke", data={"token": token})
    answer = httpx.get(f"{org.url}{V66}/limits", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, code(answer)) == (401, "INVALID_SESSION_ID")


def test_versions_are_listed_without_login_and_unknown_ones_not_found(org: Org) -> None:
    listed = httpx.get(f"{org.url}/services/data/")
    assert {"version": "66.0", "url": V66, "label": "Spring '26"} in listed.json()
    assert "Sforce-Limit-Info" not in listed.headers
    assert code(org.http.get("/services/data/v99.0/limits")) == "NOT_FOUND"


def test_upsert_answers_as_its_version_did(org: Org) -> None:
    task = f"{V66}/sobjects/Task/Tandem_Key__c/version"
    assert org.http.patch(task, json={}).json()["created"] is True
    assert org.http.patch(task, json={}).json()["created"] is False
    old = org.http.patch(task.replace("66", "45"), json={"Subject": "x"})
    assert (old.status_code, old.content) == (204, b"")


@pytest.mark.parametrize("status", [404, 400])
def test_upsert_that_may_only_update_creates_nothing(status: int) -> None:
    with served(Switches(update_only_miss=status)) as org:
        answer = org.http.patch(f"{V66}/sobjects/Task/Tandem_Key__c/none?updateOnly=true", json={})
        assert answer.status_code == status
        assert org.query("SELECT Id FROM Task") == []


def test_upsert_refuses_the_key_in_the_body_and_fields_that_are_no_key(org: Org) -> None:
    twice = org.http.patch(f"{V66}/sobjects/Task/Tandem_Key__c/k", json={"Tandem_Key__c": "k"})
    assert (twice.status_code, code(twice)) == (400, "INVALID_FIELD")
    no_key = org.http.patch(f"{V66}/sobjects/Task/Subject/k", json={})
    assert (no_key.status_code, code(no_key)) == (404, "NOT_FOUND")


def test_relation_is_found_by_the_external_id_of_its_target(org: Org) -> None:
    org.made("Account", Name="x", ERP_Customer_Code__c="C-77")
    draft = org.draft()
    moved = org.http.patch(f"{V66}/sobjects/Order/{draft['order']}", json={"Account": {"ERP_Customer_Code__c": "C-77"}})
    assert moved.status_code == 204
    assert org.query(f"SELECT Account.Name FROM Order WHERE Id = '{draft['order']}'")[0]["Account"]["Name"] == "x"


@pytest.mark.parametrize("named", [True, False])
async def test_of_two_upserts_at_once_one_creates_and_the_other_meets_its_key(named: bool) -> None:
    with served(Switches(upsert_race_s=0.2, duplicate_names_record=named)) as org:
        async with httpx.AsyncClient(base_url=org.url, headers=org.http.headers) as http:
            path = f"{V66}/sobjects/Task/Tandem_Key__c/race"
            answers = await asyncio.gather(*(http.patch(path, json={"Subject": "x"}) for _ in range(2)))
            lost = next(answer for answer in answers if answer.status_code == 400)
            again = await http.patch(path, json={"Subject": "x"})
        assert sorted(answer.status_code for answer in answers) == [201, 400]
        assert code(lost) == "DUPLICATE_VALUE"
        assert ("<unknown>" in lost.text) is not named
        assert again.status_code == 200
        assert len(org.query("SELECT Id FROM Task")) == 1


def test_order_starts_as_draft_and_is_activated_with_products_only(org: Org) -> None:
    draft = org.draft()
    path = f"{V66}/sobjects/Order/{draft['order']}"
    assert code(org.http.patch(path, json={"Status": "Activated"})) == "FAILED_ACTIVATION"
    item = org.made("OrderItem", OrderId=draft["order"], PricebookEntryId=draft["entry"], Quantity=3, UnitPrice=1.115)
    assert org.http.patch(path, json={"Status": "Activated"}).status_code == 204
    order = org.http.get(path).json()
    assert (order["StatusCode"], order["TotalAmount"], len(order["OrderNumber"])) == ("Activated", 3.34, 8)
    assert code(org.http.patch(path, json={"EffectiveDate": "2026-02-01"})) == "ENTITY_IS_LOCKED"
    assert code(org.http.delete(f"{V66}/sobjects/OrderItem/{item}")) == "ENTITY_IS_LOCKED"
    assert org.http.patch(path, json={"Sync_Status__c": "已同步"}).status_code == 204
    born_active = org.create("Order", AccountId=draft["account"], EffectiveDate="2026-01-31", Status="Activated")
    assert born_active.status_code == 400


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"Status": "Shipped"}, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        ({"EffectiveDate": "2026-01-31T00:00:00Z"}, "JSON_PARSER_ERROR"),
        ({"EffectiveDate": None}, "REQUIRED_FIELD_MISSING"),
        ({"AccountId": "nonsense"}, "MALFORMED_ID"),
        ({"AccountId": "001Tn00zzzzzzzz"}, "INVALID_CROSS_REFERENCE_KEY"),
        ({"TotalAmount": 5}, "INVALID_FIELD_FOR_INSERT_UPDATE"),
        ({"Nonsense__c": 5}, "INVALID_FIELD"),
        ({"Id": "801Tn0000000001IAA"}, "INVALID_FIELD"),
    ],
)
def test_wrong_value_is_refused_and_nothing_is_changed(org: Org, values: dict[str, object], error: str) -> None:
    path = f"{V66}/sobjects/Order/{org.draft()['order']}"
    before = org.http.get(path).json()
    assert code(org.http.patch(path, json=values)) == error
    assert org.http.get(path).json() == before


def test_item_must_be_of_the_orders_price_book(org: Org) -> None:
    draft = org.draft()
    org.http.patch(f"{V66}/sobjects/Order/{draft['order']}", json={"Pricebook2Id": None})
    answer = org.create("OrderItem", OrderId=draft["order"], PricebookEntryId=draft["entry"], Quantity=1, UnitPrice=1)
    assert code(answer) == "FIELD_INTEGRITY_EXCEPTION"


def composite(org: Org, *parts: tuple[str, str, str, object], all_or_none: bool = True) -> list[dict[str, Any]]:
    requests = [
        {"referenceId": name, "method": method, "url": f"{V66}/{url}", "body": body}
        for name, method, url, body in parts
    ]
    answer = org.http.post(f"{V66}/composite", json={"allOrNone": all_or_none, "compositeRequest": requests})
    assert answer.status_code == 200, answer.text
    return list(answer.json()["compositeResponse"])


def test_composite_refers_to_earlier_answers_and_is_one_call(org: Org) -> None:
    draft = org.draft()
    before = org.http.get(f"{V66}/limits").headers["Sforce-Limit-Info"]
    parts = composite(
        org,
        ("acc", "POST", "sobjects/Account", {"Name": "composed"}),
        ("ord", "PATCH", f"sobjects/Order/{draft['order']}", {"AccountId": "@{acc.id}"}),
        ("read", "GET", "query?q=SELECT+Account.Name+FROM+Order+WHERE+AccountId='@{acc.id}'", None),
        ("name", "PATCH", f"sobjects/Order/{draft['order']}", {"Name": "for @{read.records[0].Account.Name}"}),
    )
    assert [part["httpStatusCode"] for part in parts] == [201, 204, 200, 204]
    after = org.http.get(f"{V66}/sobjects/Order/{draft['order']}?fields=Name")
    assert after.json()["Name"] == "for composed"
    used = [int(text.partition("=")[2].partition("/")[0]) for text in (before, after.headers["Sforce-Limit-Info"])]
    assert used[1] - used[0] == 2


def test_composite_all_or_none_undoes_everything(org: Org) -> None:
    parts = composite(
        org,
        ("good", "POST", "sobjects/Account", {"Name": "never"}),
        ("bad", "POST", "sobjects/Account", {}),
        ("later", "POST", "sobjects/Account", {"Name": "never either"}),
    )
    assert [part["body"][0]["errorCode"] for part in parts] == [
        "PROCESSING_HALTED",
        "REQUIRED_FIELD_MISSING",
        "PROCESSING_HALTED",
    ]
    assert org.query("SELECT Id FROM Account WHERE Name LIKE 'never%'") == []


def test_composite_without_all_or_none_keeps_what_was_right(org: Org) -> None:
    parts = composite(
        org,
        ("bad", "POST", "sobjects/Account", {}),
        ("dependent", "POST", "sobjects/Account", {"Name": "@{bad.id}"}),
        ("good", "POST", "sobjects/Account", {"Name": "kept"}),
        all_or_none=False,
    )
    assert [part["httpStatusCode"] for part in parts] == [400, 400, 201]
    assert parts[1]["body"][0]["errorCode"] == "PROCESSING_HALTED"


@pytest.mark.parametrize(
    "requests",
    [
        [],
        ["x"],
        [{"method": "GET", "url": f"{V66}/limits"}],
        [{"method": "GET", "url": f"{V66}/limits", "referenceId": "a", "httpHeaders": {"Accept": "*/*"}}],
        [{"method": "GET", "url": f"{V66}/limits", "referenceId": f"a{number}"} for number in range(26)],
        [{"method": "GET", "url": f"{V66}/query?q=x", "referenceId": f"a{number}"} for number in range(6)],
    ],
)
def test_composite_that_is_wrong_as_a_whole_is_400(org: Org, requests: list[Any]) -> None:
    assert org.http.post(f"{V66}/composite", json={"compositeRequest": requests}).status_code == 400


def test_collection_reports_each_record_and_may_undo_all(org: Org) -> None:
    records = [{"attributes": {"type": "Account"}, **values} for values in ({"Name": "one"}, {"Phone": "1"})]
    url = f"{V66}/composite/sobjects"
    mixed = org.http.post(url, json={"allOrNone": False, "records": records}).json()
    undone = org.http.post(url, json={"allOrNone": True, "records": records}).json()
    assert [result["success"] for result in mixed] == [True, False]
    assert mixed[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    assert undone[0]["errors"][0]["statusCode"] == "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    assert len(org.query("SELECT Id FROM Account WHERE Name = 'one'")) == 1
    assert org.http.post(url, json={"records": records * 101}).status_code == 400


def test_collection_upserts_reads_and_deletes(org: Org) -> None:
    url = f"{V66}/composite/sobjects"
    records = [{"attributes": {"type": "Task"}, "Tandem_Key__c": f"many-{number}"} for number in range(3)]
    body = {"records": records}
    first = org.http.patch(f"{url}/Task/Tandem_Key__c", json=body).json()
    second = org.http.patch(f"{url}/Task/Tandem_Key__c", json=body).json()
    assert [result["created"] for result in first + second] == [True] * 3 + [False] * 3
    found = [result["id"] for result in first]
    read = org.http.get(f"{url}/Task?ids={','.join([*found, '00TTn00zzzzzzzz'])}&fields=Tandem_Key__c").json()
    assert [row and row["Tandem_Key__c"] for row in read] == ["many-0", "many-1", "many-2", None]
    assert all(each["success"] for each in org.http.delete(f"{url}?ids={','.join(found)}").json())
    assert org.query("SELECT Id FROM Task WHERE Tandem_Key__c LIKE 'many-%'") == []


def test_batch_halts_on_error_if_asked_to(org: Org) -> None:
    requests = [
        {"method": "GET", "url": "v66.0/limits"},
        {"method": "GET", "url": "v66.0/sobjects/Nonsense"},
        {"method": "POST", "url": "v66.0/sobjects/Account", "richInput": {"Name": "batched"}},
    ]
    halted, ran = (
        org.http.post(f"{V66}/composite/batch", json={"batchRequests": requests, "haltOnError": halt}).json()
        for halt in (True, False)
    )
    assert [result["statusCode"] for result in halted["results"]] == [200, 404, 412]
    assert [result["statusCode"] for result in ran["results"]] == [200, 404, 201]
    assert halted["hasErrors"] is True


def test_tree_inserts_parents_with_children_or_nothing(org: Org) -> None:
    draft = org.draft()
    book = org.query("SELECT Id FROM Pricebook2")[0]["Id"]
    item = {"PricebookEntryId": draft["entry"], "Quantity": 2, "UnitPrice": 5}
    head = {"AccountId": draft["account"], "Pricebook2Id": book, "EffectiveDate": "2026-01-31", "Status": "Draft"}

    def tree(*items: dict[str, object]) -> httpx.Response:
        children = [
            {"attributes": {"type": "OrderItem", "referenceId": f"i{place}"}, **each}
            for place, each in enumerate(items)
        ]
        order = {"attributes": {"type": "Order", "referenceId": "o"}, **head, "OrderItems": {"records": children}}
        return org.http.post(f"{V66}/composite/tree/Order", json={"records": [order]})

    count = len(org.query("SELECT Id FROM Order"))
    made = tree(item, item)
    assert (made.status_code, [each["referenceId"] for each in made.json()["results"]]) == (201, ["o", "i0", "i1"])
    order = made.json()["results"][0]["id"]
    assert org.query(f"SELECT TotalAmount FROM Order WHERE Id = '{order}'")[0]["TotalAmount"] == 20.0
    refused = tree(item, {"Quantity": 1})
    assert refused.status_code == 400
    assert refused.json()["results"][0]["referenceId"] == "i1"
    assert len(org.query("SELECT Id FROM Order")) == count + 1


def test_deleted_records_show_in_query_all_only(org: Org) -> None:
    account = org.made("Account", Name="to be deleted")
    org.http.delete(f"{V66}/sobjects/Account/{account}")
    soql = "SELECT Id, IsDeleted FROM Account WHERE Name = 'to be deleted'"
    assert org.query(soql) == []
    found = org.http.get(f"{V66}/queryAll", params={"q": soql}).json()["records"]
    assert [(row["Id"], row["IsDeleted"]) for row in found] == [(account, True)]


def test_account_changed_meanwhile_fails_its_precondition(org: Org) -> None:
    path = f"{V66}/sobjects/Account/{org.made('Account', Name='x')}"
    tag = org.http.get(path).headers["ETag"]
    assert org.http.get(path, headers={"If-None-Match": tag}).status_code == 304
    org.clock.advance(2)
    assert org.http.patch(path, json={"Phone": "1"}, headers={"If-Match": tag}).status_code == 204
    assert org.http.patch(path, json={"Phone": "2"}, headers={"If-Match": tag}).status_code == 412


@pytest.mark.parametrize(("honoured", "status"), [(True, 412), (False, 204)])
def test_order_changed_since_is_refused_where_the_header_is_honoured(honoured: bool, status: int) -> None:
    with served(Switches(if_unmodified_since=honoured)) as org:
        path = f"{V66}/sobjects/Order/{org.draft()['order']}"
        old = {"If-Unmodified-Since": "Thu, 01 Jan 2026 00:00:00 GMT"}
        assert org.http.patch(path, json={"Name": "x"}, headers=old).status_code == status


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("nonsense", "2099-01-01T00:00:00Z"),
        ("2099-01-01T00:00:00Z", "2099-01-02T00:00:00Z"),
    ],
)
def test_replication_dates_out_of_range_are_refused(org: Org, start: str, end: str) -> None:
    answer = org.http.get(f"{V66}/sobjects/Order/updated", params={"start": start, "end": end})
    assert code(answer) == "INVALID_REPLICATION_DATE"


def test_body_that_is_no_json_is_refused(org: Org) -> None:
    url = f"{V66}/sobjects/Account"
    assert org.http.post(url, content="<x/>", headers={"Content-Type": "text/xml"}).status_code == 415
    assert code(org.http.post(url, content="{", headers={"Content-Type": "application/json"})) == "JSON_PARSER_ERROR"
    assert code(org.http.post(url)) == "JSON_PARSER_ERROR"


def test_duplicate_rule_refuses_the_same_name_unless_told_otherwise() -> None:
    with served(Switches(duplicate_rule=True)) as org:
        org.made("Account", Name="Twin")
        assert code(org.create("Account", Name="Twin")) == "DUPLICATES_DETECTED"
        allowed = org.http.post(
            f"{V66}/sobjects/Account", json={"Name": "Twin"}, headers={"Sforce-Duplicate-Rule-Header": "allowSave=true"}
        )
        assert allowed.status_code == 201


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ("locked:sales_order.set_status:x1", 400, "UNABLE_TO_LOCK_ROW"),
        ("expired_token:sales_order.set_status:x1", 401, "INVALID_SESSION_ID"),
        ("throttle:sales_order.set_status:x1", 403, "REQUEST_LIMIT_EXCEEDED"),
        ("error_503_before_commit:sales_order.set_status:x1", 503, "SERVER_UNAVAILABLE"),
    ],
)
def test_fault_before_the_commit_changes_nothing(org: Org, fault: str, status: int, error: str) -> None:
    path = f"{V66}/sobjects/Order/{org.draft()['order']}"
    org.faults.add(fault)
    answer = org.http.patch(path, json={"Sync_Status__c": "已同步"})
    org.http.headers["Authorization"] = f"Bearer {org.log_in()}"
    assert (answer.status_code, code(answer)) == (status, error)
    assert org.http.get(path).json()["Sync_Status__c"] is None


@pytest.mark.parametrize("fault", ["lost_answer", "reset_after_commit", "error_500_after_commit"])
def test_fault_after_the_commit_leaves_the_change(org: Org, fault: str) -> None:
    path = f"{V66}/sobjects/Order/{org.draft()['order']}"
    org.faults.add(f"{fault}:sales_order.set_status:x1")
    try:
        assert org.http.patch(path, json={"Sync_Status__c": "已同步"}).status_code == 500
    except httpx.TransportError:
        assert fault != "error_500_after_commit"
    assert org.http.get(path).json()["Sync_Status__c"] == "已同步"


def test_outage_may_come_as_html() -> None:
    with served(Switches(html_outages=True)) as org:
        org.faults.add("error_503_before_commit:api/any:x1")
        answer = org.http.get(f"{V66}/limits")
        assert (answer.status_code, answer.headers["Content-Type"].split(";")[0]) == (503, "text/html")


def test_seeded_orders_are_the_retail_orders() -> None:
    retail = generate(40, seed=9)
    orders = retail.orders
    with served(retail=retail) as org:
        rows = org.query("SELECT PoNumber, IsReductionOrder, Account.ERP_Customer_Code__c, Status FROM Order")
    assert [row["PoNumber"] for row in rows] == [order.number for order in orders]
    assert [row["IsReductionOrder"] for row in rows] == [order.is_cancellation for order in orders]
    assert [row["Account"]["ERP_Customer_Code__c"] for row in rows] == [order.customer for order in orders]
    assert {row["Status"] for row in rows} == {"Activated"}


def test_chatter_post_mentions_the_salesperson(org: Org) -> None:
    order = org.query("SELECT Id, OwnerId, Owner.Name FROM Order LIMIT 1")[0]
    segments = [{"type": "Mention", "id": order["OwnerId"]}, {"type": "Text", "text": " 订单待补货"}]
    post = {"feedElementType": "FeedItem", "subjectId": order["Id"], "body": {"messageSegments": segments}}
    assert org.http.post(f"{V66}/chatter/feed-elements", json=post).status_code == 201
    feed = org.query(f"SELECT Body FROM FeedItem WHERE ParentId = '{order['Id']}'")
    assert [each["Body"] for each in feed] == [f"@{order['Owner']['Name']} 订单待补货"]
