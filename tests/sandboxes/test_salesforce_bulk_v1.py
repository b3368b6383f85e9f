"""``simple-salesforce``'s bulk calls, which speak Bulk API 1.0, against the Salesforce sandbox over TLS."""

import pytest
import requests
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceGeneralError, SalesforceMalformedRequest
from starlette.applications import Starlette

from fixtures.retail import generate
from fixtures.salesforce.sandbox import Switches, build
from fixtures.sandbox.faults import FaultPlan

ORDERS = 80
KEY = "ERP_Customer_Code__c"


@pytest.fixture(scope="module")
def app() -> Starlette:
    return build(generate(ORDERS, seed=5), FaultPlan(), Switches(bulk_page=30))


def accounts(prefix: str, count: int) -> list[dict[str, object]]:
    return [{KEY: f"{prefix}-{number}", "Name": f"客户 {number}"} for number in range(count)]


def code(result: dict[str, object]) -> str | None:
    errors = result["errors"]
    assert isinstance(errors, list)
    return errors[0]["statusCode"] if errors else None


def test_upsert_in_batches_creates_once_and_then_updates_in_the_order_asked(salesforce: Salesforce) -> None:
    rows = accounts("V1", 7)
    first = salesforce.bulk.Account.upsert(rows[:5], KEY, batch_size=2)
    second = salesforce.bulk.Account.upsert(rows, KEY, batch_size=3)
    assert [(each["success"], each["created"]) for each in first] == [(True, True)] * 5
    assert [each["created"] for each in second] == [False] * 5 + [True] * 2
    assert [each["id"] for each in second][:5] == [each["id"] for each in first]
    found = salesforce.query(f"SELECT Id FROM Account WHERE {KEY} LIKE 'V1-%' ORDER BY {KEY}")
    assert [record["Id"] for record in found["records"]] == [each["id"] for each in second]


def test_row_that_is_wrong_fails_alone_and_says_why(salesforce: Salesforce) -> None:
    good, other = accounts("GOOD", 2)
    wrong = [{KEY: "BAD-1"}, {"Name": "x", "Nonsense": 1}, {"Name": "x" * 256}, {**other, "Name": None}]
    results = salesforce.bulk.Account.insert([good, *wrong, other])
    assert [code(each) for each in results] == [
        None,
        "REQUIRED_FIELD_MISSING",
        "INVALID_FIELD",
        "STRING_TOO_LONG",
        "REQUIRED_FIELD_MISSING",
        None,
    ]
    assert results[1]["errors"][0]["fields"] == ["Name"]
    again = salesforce.bulk.Account.insert([good])
    assert code(again[0]) == "DUPLICATE_VALUE"


def test_update_and_delete_go_by_id(salesforce: Salesforce) -> None:
    ids = [each["id"] for each in salesforce.bulk.Account.insert(accounts("GONE", 2))]
    changed = salesforce.bulk.Account.update([{"Id": ids[0], "Phone": "021"}, {"Id": ids[1], "Phone": "022"}])
    assert [(each["success"], each["created"]) for each in changed] == [(True, False)] * 2
    assert salesforce.Account.get(ids[1])["Phone"] == "022"
    assert all(each["success"] for each in salesforce.bulk.Account.delete([{"Id": each} for each in ids]))
    assert salesforce.query(f"SELECT Id FROM Account WHERE {KEY} LIKE 'GONE-%'")["totalSize"] == 0
    deleted = salesforce.bulk.Account.query_all(f"SELECT Id FROM Account WHERE {KEY} LIKE 'GONE-%'")
    assert sorted(record["Id"] for record in deleted) == sorted(ids)
    assert [code(each) for each in salesforce.bulk.Account.delete([{"Id": ids[0]}])] == ["ENTITY_IS_DELETED"]


def test_query_comes_in_result_files_that_add_up(salesforce: Salesforce) -> None:
    pages = list(salesforce.bulk.Order.query("SELECT Id, Account.Name FROM Order", lazy_operation=True))
    assert [len(page) for page in pages] == [30, 30, 20]
    assert len({record["Id"] for page in pages for record in page}) == ORDERS
    assert pages[0][0]["Account"]["Name"]


def test_results_can_be_told_with_their_rows(salesforce: Salesforce) -> None:
    results = salesforce.bulk.Account.insert(accounts("TOLD", 3), batch_size=2, include_detailed_results=True)
    assert [(each[KEY], each["success"]) for each in results] == [(f"TOLD-{number}", True) for number in range(3)]


def test_wrong_query_fails_its_batch_with_the_reason(salesforce: Salesforce) -> None:
    with pytest.raises(SalesforceGeneralError, match="INVALID_FIELD") as raised:
        salesforce.bulk.Order.query("SELECT Nonsense FROM Order")
    assert raised.value.status == "Failed"


@pytest.mark.parametrize(
    ("job", "code"),
    [
        (lambda bulk: bulk.Nonsense.insert([{"Name": "x"}]), "InvalidJob"),
        (lambda bulk: bulk.Account.upsert([{"Name": "x"}], ""), "InvalidJob"),
        (lambda bulk: bulk.Account._get_job("750000000000000"), "InvalidJob"),
    ],
    ids=["unknown object", "upsert without a key", "unknown job"],
)
def test_wrong_job_is_a_malformed_request_with_its_code(salesforce: Salesforce, job, code) -> None:
    with pytest.raises(SalesforceMalformedRequest) as raised:
        job(salesforce.bulk)
    assert raised.value.content["exceptionCode"] == code


def test_job_is_closed_to_further_batches(salesforce: Salesforce) -> None:
    accounts_in_bulk = salesforce.bulk.Account
    job = accounts_in_bulk._create_job("insert", use_serial=True)
    assert (job["state"], job["concurrencyMode"]) == ("Open", "Serial")
    accounts_in_bulk._add_batch(job["id"], accounts("LATE", 1), "insert")
    closed = accounts_in_bulk._close_job(job["id"])
    assert (closed["state"], closed["numberBatchesTotal"], closed["numberRecordsProcessed"]) == ("Closed", 1, 1)
    with pytest.raises(SalesforceMalformedRequest) as raised:
        accounts_in_bulk._add_batch(job["id"], accounts("LATER", 1), "insert")
    assert raised.value.content["exceptionCode"] == "InvalidJobState"


def test_expired_session_is_told_in_the_shape_of_its_own(app: Starlette, server, session: requests.Session) -> None:
    client = Salesforce(session_id="00D!expired", instance_url=server.url, session=session)
    with pytest.raises(SalesforceMalformedRequest) as raised:
        client.bulk.Account.insert(accounts("NEVER", 1))
    assert raised.value.content == {"exceptionCode": "InvalidSessionId", "exceptionMessage": "Invalid session id"}
