"""Bulk API 2.0 of the Salesforce sandbox, driven by ``simple-salesforce``, a client we did not write."""

import re

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.bulk2 import LineEnding, Operation
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceOperationError
from starlette.applications import Starlette

from fixtures.retail import generate
from fixtures.salesforce.sandbox import build
from fixtures.sandbox.faults import FaultPlan

ORDERS = 80
KEY = "ERP_Customer_Code__c"


@pytest.fixture(scope="module")
def app() -> Starlette:
    return build(generate(ORDERS, seed=5), FaultPlan())


def test_bulk_job_upserts_what_is_right_and_reports_the_rest(salesforce: Salesforce) -> None:
    rows = [{"ERP_Customer_Code__c": f"B-{number}", "Name": name} for number, name in enumerate(("一", "two", ""))]
    first = salesforce.bulk2.Account.upsert(records=rows, external_id_field="ERP_Customer_Code__c")
    assert [(job["numberRecordsTotal"], job["numberRecordsFailed"]) for job in first] == [(3, 1)]
    failed = salesforce.bulk2.Account.get_failed_records(first[0]["job_id"])
    done = salesforce.bulk2.Account.get_successful_records(first[0]["job_id"])
    assert "REQUIRED_FIELD_MISSING" in failed
    assert done.count('"true"') == 2
    again = salesforce.bulk2.Account.upsert(records=rows[:2], external_id_field="ERP_Customer_Code__c")
    assert '"false"' in salesforce.bulk2.Account.get_successful_records(again[0]["job_id"])
    found = salesforce.query("SELECT Name FROM Account WHERE ERP_Customer_Code__c LIKE 'B-%' ORDER BY Name")
    assert [record["Name"] for record in found["records"]] == ["two", "一"]


@pytest.mark.parametrize("column", ["Nonsense__c", f"Nonsense.{KEY}", "Parent.Nonsense__c"])
def test_bulk_job_with_a_column_nobody_knows_fails_as_a_whole_and_writes_nothing(
    salesforce: Salesforce, column: str
) -> None:
    row = {KEY: "F-1", "Name": "One", column: "1"}
    with pytest.raises(SalesforceOperationError, match=f"InvalidBatch : Field name not found : {re.escape(column)}"):
        salesforce.bulk2.Account.upsert(records=[row], external_id_field=KEY)
    assert salesforce.query(f"SELECT Id FROM Account WHERE {KEY} = 'F-1'")["totalSize"] == 0


@pytest.mark.parametrize(
    ("upload", "line_ending", "told"),
    [
        (
            "Name\nOther end\n",
            LineEnding.CRLF,
            "LineEnding is invalid on user data. Current LineEnding setting is CRLF",
        ),
        (
            "Name\r\nOther end\r\n",
            LineEnding.LF,
            "LineEnding is invalid on user data. Current LineEnding setting is LF",
        ),
        ("Name\nOther end,more\n", LineEnding.LF, "a row has more cells than there are columns"),
        (f"Name\n{'x' * 200_000}\n", LineEnding.LF, "Failed to parse CSV"),
    ],
)
def test_bulk_upload_that_is_no_table_fails_as_a_whole_and_is_given_back(
    salesforce: Salesforce, upload: str, line_ending: LineEnding, told: str
) -> None:
    before = salesforce.query("SELECT count() FROM Account")["totalSize"]
    job = uploaded(salesforce, upload, line_ending)
    with pytest.raises(SalesforceOperationError, match=re.escape(told)):
        salesforce.bulk2.Account._client.wait_for_job(job, is_query=False)
    assert salesforce.bulk2.Account.get_unprocessed_records(job) == upload
    assert salesforce.query("SELECT count() FROM Account")["totalSize"] == before


def test_bulk_cell_may_hold_another_line_end_than_the_lines_and_a_short_row_leaves_fields_alone(
    salesforce: Salesforce,
) -> None:
    job = uploaded(salesforce, 'Name,Phone\n"two\r\nlines",1\nshort\n', LineEnding.LF)
    salesforce.bulk2.Account._client.wait_for_job(job, is_query=False)
    found = salesforce.query("SELECT Name, Phone FROM Account WHERE Name IN ('two\\r\\nlines', 'short') ORDER BY Name")
    assert [(each["Name"], each["Phone"]) for each in found["records"]] == [("short", None), ("two\r\nlines", "1")]


def test_bulk_job_is_done_once(salesforce: Salesforce) -> None:
    job = uploaded(salesforce, "Name\nOnly once\n", LineEnding.LF)
    with pytest.raises(SalesforceMalformedRequest, match="INVALIDJOBSTATE"):
        salesforce.bulk2.Account._client.close_job(job)
    assert salesforce.query("SELECT Id FROM Account WHERE Name = 'Only once'")["totalSize"] == 1


def uploaded(salesforce: Salesforce, table: str, line_ending: LineEnding) -> str:
    """The id of a closed job that inserts accounts, without the client's own reading of the table."""
    jobs = salesforce.bulk2.Account._client
    job = jobs.create_job(Operation.insert, line_ending=line_ending)["id"]
    jobs.upload_job_data(job, table)
    jobs.close_job(job)
    return str(job)


def test_aborted_bulk_job_is_an_operation_error(salesforce: Salesforce) -> None:
    jobs = salesforce.bulk2.Account._client
    job = jobs.create_job(Operation.insert)
    jobs.abort_job(job["id"], is_query=False)
    with pytest.raises(SalesforceOperationError, match="Aborted"):
        jobs.wait_for_job(job["id"], is_query=False)


def test_bulk_row_names_whom_it_refers_to_by_external_id(salesforce: Salesforce) -> None:
    (account,) = salesforce.query(
        "SELECT Id, ERP_Customer_Code__c FROM Account WHERE ERP_Customer_Code__c != null LIMIT 1"
    )["records"]
    row = {"LastName": "李", "Account.ERP_Customer_Code__c": account["ERP_Customer_Code__c"]}
    (job,) = salesforce.bulk2.Contact.insert(records=[row])
    assert job["numberRecordsFailed"] == 0
    (contact,) = salesforce.query("SELECT AccountId FROM Contact WHERE LastName = '李'")["records"]
    assert contact["AccountId"] == account["Id"]


def test_bulk_query_pages_through_all_records(salesforce: Salesforce) -> None:
    pages = list(salesforce.bulk2.Order.query("SELECT Id, Account.Name FROM Order", max_records=30))
    heads = {page.splitlines()[0] for page in pages}
    assert heads == {'"Id","Account.Name"'}
    assert [len(page.splitlines()) - 1 for page in pages] == [30, 30, 20]
