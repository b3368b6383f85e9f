"""The Salesforce sandbox's SOQL: each clause against what the org holds."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from fixtures.retail import generate
from fixtures.salesforce.errors import ApiError
from fixtures.salesforce.org import Org
from fixtures.salesforce.schema import load_schema
from fixtures.salesforce.seed import seed
from fixtures.salesforce.soql.engine import Soql

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
RETAIL = generate(60, seed=4)


@pytest.fixture(scope="module")
def org() -> Org:
    org = Org(load_schema(), lambda: NOW, {})
    seed(org, RETAIL)
    return org


@pytest.fixture
def soql(org: Org) -> Soql:
    return Soql(org, open_cursors=2, child_page=500)


def rows(soql: Soql, text: str) -> list[dict[str, Any]]:
    return list(soql.query(text, "user", "66.0")["records"])


def numbers(soql: Soql, condition: str) -> set[str]:
    return {row["PoNumber"] for row in rows(soql, f"SELECT PoNumber FROM Order WHERE {condition}")}


ALL = {order.number for order in RETAIL.orders}
CANCELLED = {order.number for order in RETAIL.orders if order.is_cancellation}
FIRST, SECOND = (order.number for order in RETAIL.orders[:2])


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (f"PoNumber = '{FIRST}'", {FIRST}),
        (f"PoNumber IN ('{FIRST}', '{SECOND}', 'none')", {FIRST, SECOND}),
        (f"PoNumber = '{FIRST}' OR OrderNumber = '00000002'", {FIRST, SECOND}),
        (f"PoNumber != '{FIRST}'", ALL - {FIRST}),
        (f"PoNumber NOT IN ('{FIRST}')", ALL - {FIRST}),
        ("PoNumber LIKE 'c53%'", CANCELLED),
        ("PoNumber LIKE 'C536___'", {number for number in CANCELLED if number.startswith("C536")}),
        ("IsReductionOrder = TRUE", CANCELLED),
        ("NOT (IsReductionOrder = TRUE)", ALL - CANCELLED),
        ("(IsReductionOrder = FALSE AND TotalAmount < 0) OR IsReductionOrder = TRUE", CANCELLED),
        ("Account.ERP_Customer_Code__c = NULL", {order.number for order in RETAIL.orders if order.customer is None}),
        ("AccountId IN (SELECT Id FROM Account WHERE Name = 'walk-in CUSTOMER')",
         {order.number for order in RETAIL.orders if order.customer is None}),
        ("EffectiveDate = YESTERDAY", ALL),
        ("EffectiveDate = 2026-03-10 AND CreatedDate < TODAY", ALL),
        ("CreatedDate >= LAST_N_DAYS:1", ALL),
        ("CreatedDate > TODAY", set()),
        ("CreatedDate = LAST_MONTH", set()),
        ("CreatedDate = THIS_WEEK", ALL),
        ("SystemModstamp > 2026-03-10T12:00:00Z", ALL - {FIRST}),
        ("SystemModstamp >= 2026-03-10T20:00:01+08:00", ALL - {FIRST}),
        ("ERP_Order_Number__c = ''", ALL),
    ],
)  # fmt: skip
def test_condition_finds_the_orders_it_means(soql: Soql, condition: str, expected: set[str]) -> None:
    assert numbers(soql, condition) == expected


def test_string_escapes_are_resolved(org: Org, soql: Soql) -> None:
    org.load(org.schema.objects["Contact"], {"LastName": "O'Neill \\ Söhne"}, NOW - timedelta(days=1))
    assert len(rows(soql, r"SELECT Id FROM Contact WHERE LastName = 'O\'Neill \\ Söhne'")) == 1


def test_order_limit_and_offset_cut_the_sorted_rows(soql: Soql) -> None:
    wanted = sorted(ALL, reverse=True)[3:5]
    found = rows(soql, "SELECT PoNumber FROM Order ORDER BY PoNumber DESC NULLS LAST LIMIT 2 OFFSET 3")
    assert [row["PoNumber"] for row in found] == wanted


def test_nulls_sort_first_unless_asked_otherwise(soql: Soql) -> None:
    first, last = (
        [row["ERP_Customer_Code__c"] for row in rows(soql, f"SELECT ERP_Customer_Code__c FROM Account {by}")]
        for by in ("ORDER BY ERP_Customer_Code__c", "ORDER BY ERP_Customer_Code__c NULLS LAST")
    )
    assert first[0] is None
    assert last == [*first[1:], None]


def test_counts_and_groups_add_up(soql: Soql) -> None:
    plain = soql.query("SELECT COUNT() FROM Order WHERE IsReductionOrder = TRUE", "user", "66.0")
    assert plain == {"totalSize": len(CANCELLED), "done": True, "records": []}
    grouped = rows(
        soql, "SELECT IsReductionOrder, COUNT(Id), MAX(PoNumber) newest FROM Order GROUP BY IsReductionOrder"
    )
    assert {row["IsReductionOrder"]: (row["expr0"], row["newest"]) for row in grouped} == {
        True: (len(CANCELLED), max(CANCELLED)),
        False: (len(ALL - CANCELLED), max(ALL - CANCELLED)),
    }
    assert grouped[0]["attributes"] == {"type": "AggregateResult"}


def test_children_are_null_when_there_are_none(soql: Soql) -> None:
    children = "(SELECT Id FROM Tasks), (SELECT Id FROM OrderItems)"
    row = rows(soql, f"SELECT Id, {children} FROM Order WHERE PoNumber = '{FIRST}'")[0]
    assert row["Tasks"] is None
    assert row["OrderItems"]["totalSize"] == len(RETAIL.orders[0].lines)


def test_names_are_found_in_any_case_and_shown_in_their_own(soql: Soql) -> None:
    row = rows(soql, "select ponumber, account.name from ORDER limit 1")[0]
    assert list(row) == ["attributes", "PoNumber", "Account"]
    assert list(row["Account"]) == ["attributes", "Name"]


def test_pages_count_children_and_add_up(soql: Soql) -> None:
    text = "SELECT Id, (SELECT Id FROM OrderItems) FROM Order"
    page = soql.query(text, "user", "66.0", batch=1)
    sizes = [len(page["records"])]
    while not page["done"]:
        page = soql.more(page["nextRecordsUrl"].rpartition("/")[2], "user", "66.0")
        sizes.append(len(page["records"]))
    assert len(sizes) > 1
    assert sum(sizes) == page["totalSize"] == len(ALL)


def test_query_longest_unused_loses_its_cursor_when_too_many_are_open(soql: Soql) -> None:
    text = "SELECT Id FROM OrderItem"
    locators = [soql.query(text, "user", "66.0", batch=200)["nextRecordsUrl"].rpartition("/")[2] for _ in range(3)]
    with pytest.raises(ApiError, match="INVALID_QUERY_LOCATOR"):
        soql.more(locators[0], "user", "66.0")
    assert soql.more(locators[1], "user", "66.0")["records"]
    with pytest.raises(ApiError, match="INVALID_QUERY_LOCATOR"):
        soql.more(locators[1], "another user", "66.0")


@pytest.mark.parametrize(
    ("text", "code", "column"),
    [
        ("SELECT FROM Order", "MALFORMED_QUERY", 8),
        ("SELECT Id FROM Order WHERE", "MALFORMED_QUERY", 27),
        ("SELECT Id FROM Order WHERE Status = 'a' AND Status = 'b' OR Status = 'c'", "MALFORMED_QUERY", 58),
        ("SELECT Id FROM Order FOR UPDATE", "MALFORMED_QUERY", 26),
        ("SELECT Id FROM Order LIMIT 5 OFFSET 2001", "MALFORMED_QUERY", 37),
        ("SELECT Status, COUNT(Id) FROM Order", "MALFORMED_QUERY", 8),
        ("SELECT FIELDS(ALL) FROM Order", "MALFORMED_QUERY", 8),
        ("SELECT Id FROM Order WHERE Status = 5", "INVALID_FIELD", 37),
        ("SELECT Id FROM Order WHERE TotalAmount = '5'", "INVALID_FIELD", 42),
        ("SELECT Id FROM Order WHERE CreatedDate = '2026-01-01T00:00:00Z'", "INVALID_FIELD", 42),
        ("SELECT Nonsense FROM Order", "INVALID_FIELD", 8),
        ("SELECT Nonsense.Id FROM Order", "INVALID_FIELD", 8),
        ("SELECT (SELECT Id FROM Nonsense) FROM Order", "INVALID_FIELD", 24),
        ("SELECT Id FROM Nonsense", "INVALID_TYPE", 16),
    ],
)
def test_wrong_query_is_told_with_its_place(soql: Soql, text: str, code: str, column: int) -> None:
    with pytest.raises(ApiError) as raised:
        soql.query(text, "user", "66.0")
    assert raised.value.code == code
    assert f"\n{' ' * (column - 1)}^\nERROR at Row:1:Column:{column}\n" in raised.value.message
