"""The Salesforce operations against the sandbox over real HTTP: every operation, refusal and fault."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from api_clients.salesforce.operations import (
    sales_order_changed,
    sales_order_set_status,
    sales_order_status,
)
from fixtures.salesforce.sandbox import CREDENTIALS, Switches
from tandem.domain.changes import OrdersChanged
from tandem.domain.crm_order import CrmOrderStatusLookup, Notice
from tandem.errors import (
    AccessRefused,
    DocumentLocked,
    DocumentNotFound,
    DuplicateReference,
    NotOffered,
    Throttled,
    Unavailable,
    UnknownOutcome,
    ValidationFailed,
)
from tests.salesforce_org import CLIENT, SalesforceOrg, retail, running


@pytest.fixture
async def org() -> AsyncIterator[SalesforceOrg]:
    async with running() as started:
        yield started


async def changed(org, since=None):
    return await sales_order_changed(org.client, OrdersChanged(since=since))


async def document(org, request):
    (found,) = (await sales_order_status(org.client, request.lookup())).documents
    return found


# reading


async def test_order_is_read_with_account_and_lines_in_one_call(org):
    order, calls = await org.counted(org.read(org.ids["P1"]))
    assert calls == 1
    assert (order.order_id, order.order_number, order.kind) == (org.ids["P1"], "00000001", "order")
    assert (order.account.customer_number, order.account.name) == ("17000", "O'Neil & Söhne")
    assert (order.currency, order.status, order.erp_order_id) == ("GBP", "待同步", None)
    assert order.owner_id == org.record("Order", order.order_id)["OwnerId"]
    assert [
        (line.line_number, line.product_code, line.quantity, line.unit, line.unit_price) for line in order.lines
    ] == [
        (10, "85001A", Decimal(12), "PC", Decimal("4.58")),
        (20, "85002A", Decimal(48), "PC", Decimal("0.4125")),
        (30, "85001A", Decimal(3), "PC", Decimal("1.25")),
    ]


@pytest.mark.parametrize("key", ["00000001", "P1", "801Tn0000000001"])
async def test_order_is_found_by_order_number_po_number_and_short_id(org, key):
    order, calls = await org.counted(org.read(key))
    assert (order.order_id, calls) == (org.ids["P1"], 1)


async def test_order_of_675_lines_is_read_whole():
    async with running(data=retail(long_order_lines=675)) as org:
        order, calls = await org.counted(org.read("P2"))
    assert [line.line_number for line in order.lines] == list(range(10, 6760, 10))
    assert calls == 2


async def test_many_orders_read_at_once_outlast_the_vendors_open_cursors():
    async with running(data=retail(long_order_lines=20), switches=Switches(child_page=5, open_cursors=10)) as org:
        orders = await asyncio.gather(*(org.read("P2") for _ in range(16)))
    assert {len(order.lines) for order in orders} == {20}


@pytest.mark.parametrize(
    "key", ["nothing", "801Tn00000zzzzzIAA", "801Tn0000000001IAB", "O'Neil", "x' OR Name != '", "\\", "a\nb", "100%"]
)
async def test_order_nobody_knows_is_not_found(org, key):
    with pytest.raises(DocumentNotFound) as caught:
        await org.read(key)
    assert key in str(caught.value)


async def test_deleted_order_is_not_found(org):
    await org.delete("P1")
    with pytest.raises(DocumentNotFound):
        await org.read(org.ids["P1"])


async def test_reduction_order_is_told_from_an_order(org):
    order = await org.read("C3")
    assert (order.kind, order.lines[0].quantity) == ("reduction", Decimal(-2))


async def test_order_of_an_account_the_erp_does_not_know_has_no_customer_number(org):
    order = await org.read("P4")
    assert order.account.customer_number is None


async def test_number_that_several_orders_have_is_refused_with_their_ids(org):
    await org.client.update("Order", org.ids["P2"], {"PoNumber": "P1"})
    with pytest.raises(ValidationFailed, match=f"2 orders.*{org.ids['P1']}, {org.ids['P2']}"):
        await org.read("P1")


async def test_order_number_goes_before_the_po_number_of_another_order(org):
    await org.client.update("Order", org.ids["P2"], {"PoNumber": "00000001"})
    assert (await org.read("00000001")).order_id == org.ids["P1"]


async def test_requested_delivery_is_read_from_the_field_the_settings_name():
    async with running(requested_delivery_field="EndDate") as org:
        assert (await org.read("P1")).requested_delivery_on is None
        await org.client.update("Order", org.ids["P1"], {"EndDate": "2026-12-24"})
        assert (await org.read("P1")).requested_delivery_on == date(2026, 12, 24)


async def test_org_with_one_currency_is_not_asked_for_it():
    async with running(currency_field=None) as org:
        assert (await org.read("P1")).currency is None


async def test_field_the_org_does_not_have_is_not_offered_and_named():
    async with running(customer_code_field="Kunde__c") as org:
        with pytest.raises(NotOffered, match="Kunde__c"):
            await org.read("P1")


async def test_api_version_the_org_does_not_have_is_not_offered():
    async with running(api_version="99.0") as org:
        with pytest.raises(NotOffered, match="api_version"):
            await org.read("P1")
        with pytest.raises(NotOffered, match="api_version"):
            await sales_order_set_status(org.client, org.status())
        with pytest.raises(NotOffered, match="api_version"):
            await changed(org)


# the version of an order


async def test_version_stays_when_only_the_write_back_changed_the_order(org):
    before = await org.read("P1")
    stamp = org.record("Order", before.order_id)["SystemModstamp"]
    await sales_order_set_status(org.client, org.status())
    after = await org.read("P1")
    assert org.record("Order", before.order_id)["SystemModstamp"] > stamp
    assert (after.status, after.erp_order_id, after.version) == ("已同步", "4711", before.version)


@pytest.mark.parametrize("change", ["quantity", "price", "line", "customer", "currency"])
async def test_version_changes_when_the_order_as_sold_changes(org, change):
    before = await org.read("P1")
    record = org.record("Order", before.order_id)
    item = next(item for item in org.books.tables["OrderItem"] if item["OrderId"] == before.order_id)
    await org.client.update("Order", before.order_id, {"Status": "Draft"})
    if change == "quantity":
        await org.client.update("OrderItem", item["Id"], {"Quantity": 13})
    elif change == "price":
        await org.client.update("OrderItem", item["Id"], {"UnitPrice": 4.59})
    elif change == "line":
        values = {
            "OrderId": before.order_id,
            "PricebookEntryId": item["PricebookEntryId"],
            "Quantity": 1,
            "UnitPrice": 1,
        }
        await org.client.create("OrderItem", values)
    elif change == "customer":
        await org.client.update("Account", record["AccountId"], {"ERP_Customer_Code__c": "17999"})
    else:
        await org.client.update("Order", before.order_id, {"CurrencyIsoCode": "EUR"})
    after = await org.read("P1")
    assert after.version != before.version


# what changed


async def test_first_poll_names_every_order_and_the_next_only_what_changed_since(org):
    first, calls = await org.counted(changed(org))
    assert (set(first.order_ids), calls) == (set(org.ids.values()), 1)
    org.clock.advance(600)
    assert (await changed(org, first.watermark + timedelta(minutes=5))).order_ids == ()
    await sales_order_set_status(org.client, org.status())
    org.clock.advance(600)
    second = await changed(org, first.watermark)
    assert second.order_ids == (org.ids["P1"],)
    assert second.watermark > first.watermark


async def test_poll_right_after_a_poll_is_allowed_and_loses_nothing(org):
    watermark = (await changed(org)).watermark
    for _ in range(3):
        watermark = (await changed(org, watermark)).watermark
    await sales_order_set_status(org.client, org.status())
    org.clock.advance(120)
    assert org.ids["P1"] in (await changed(org, watermark)).order_ids


async def test_watermark_is_how_far_the_vendor_covered_not_our_clock():
    async with running(switches=Switches(covered_lag_s=300)) as org:
        watermark = (await changed(org)).watermark
        await sales_order_set_status(org.client, org.status())
        assert org.clock.now() - watermark >= timedelta(seconds=300)
        assert org.ids["P1"] not in (await changed(org, watermark)).order_ids
        org.clock.advance(600)
        assert org.ids["P1"] in (await changed(org, watermark)).order_ids


async def test_watermark_older_than_the_vendor_reaches_back_loses_no_order(org):
    long_ago = org.clock.now() - timedelta(days=3)
    org.clock.advance(timedelta(days=90).total_seconds())
    await sales_order_set_status(org.client, org.status("P2"))
    org.clock.advance(600)
    answer = await changed(org, long_ago)
    assert set(answer.order_ids) == set(org.ids.values())
    assert len(answer.order_ids) == len(org.ids)


# writing back


async def test_status_and_notice_are_written_by_one_call_and_read_back_by_one(org):
    request = org.status()
    written, calls = await org.counted(sales_order_set_status(org.client, request))
    assert (written.order_id, calls) == (request.order_id, 1)
    found, calls = await org.counted(document(org, request))
    assert (request.differences(found), calls) == ((), 1)
    (task,) = org.tasks()
    assert (task["WhatId"], task["OwnerId"], task["Subject"]) == (
        request.order_id,
        request.notice.recipient_id,
        request.notice.subject,
    )
    assert org.record("Order", request.order_id)["Synced_At__c"] is not None


async def test_status_written_twice_gives_the_notice_once(org):
    for _ in range(2):
        await sales_order_set_status(org.client, org.status())
    assert len(org.tasks()) == 1


async def test_status_without_notice_or_erp_number_touches_neither(org):
    await sales_order_set_status(org.client, org.status())
    request = org.status(status="待补货", erp_order_id=None, notice=None, message="")
    await sales_order_set_status(org.client, request)
    found = await document(org, request)
    assert (found.status, found.message, found.erp_order_id, found.notices) == ("待补货", "", "4711", 0)
    assert request.differences(found) == ()
    assert len(org.tasks()) == 1


async def test_read_back_before_any_write_differs_in_every_field(org):
    request = org.status()
    assert [difference.field for difference in request.differences(await document(org, request))] == [
        "status",
        "message",
        "erp_order_id",
        "notice",
    ]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("Subject", "Order", "notice subject"),
        ("Description", "ERP", "notice text"),
        ("OwnerId", None, "notice recipient"),
    ],
)
async def test_read_back_of_a_notice_that_was_changed_names_what_differs(org, field, value, told):
    request = org.status()
    await sales_order_set_status(org.client, request)
    other = next(user["Id"] for user in org.books.tables["User"] if user["Id"] != request.notice.recipient_id)
    await org.client.update("Task", org.tasks()[0]["Id"], {field: value or other})
    assert [difference.field for difference in request.differences(await document(org, request))] == [told]


@pytest.mark.parametrize("order_id", ["801Tn00000zzzzzIAA", "801Tn0000000009", "no id", "x' OR Name != '"])
async def test_read_back_of_an_order_that_is_gone_finds_no_document(org, order_id):
    answer = await sales_order_status(org.client, CrmOrderStatusLookup(order_id=order_id, notice_reference="n'"))
    assert answer.documents == ()


async def test_message_of_32000_characters_with_quotes_braces_and_lines_arrives_whole(org):
    text = ("缺货: {brace} 'quote' \"double\" \\ back\nline <b>&amp;</b> " * 1000)[:32000].strip()
    request = org.status(
        message=text,
        external_reference="ref/with ?#'é",
        notice=Notice(recipient_id=org.status().notice.recipient_id, subject="长" * 300, text=text),
    )
    await sales_order_set_status(org.client, request)
    assert request.differences(await document(org, request)) == ()
    assert org.tasks()[0]["Subject"] == "长" * 250


async def test_deleted_order_is_not_found_and_nobody_is_notified(org):
    request = org.status()
    await org.delete("P1")
    with pytest.raises(DocumentNotFound, match=org.ids["P1"]):
        await sales_order_set_status(org.client, request)
    assert org.tasks() == []


async def test_missing_field_for_notices_is_not_offered_and_not_taken_for_a_missing_order():
    async with running(notice_key_field="Nope__c") as org:
        with pytest.raises(NotOffered, match="Nope__c"):
            await sales_order_set_status(org.client, org.status())
        assert org.record("Order", org.ids["P1"])["Sync_Status__c"] == "待同步"


async def test_status_the_picklist_does_not_have_is_refused_and_nothing_is_written(org):
    with pytest.raises(ValidationFailed, match="INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"):
        await sales_order_set_status(org.client, org.status(status="erledigt"))
    assert org.record("Order", org.ids["P1"])["Sync_Status__c"] == "待同步"
    assert org.tasks() == []


async def test_salesperson_nobody_knows_undoes_the_status_as_well(org):
    notice = Notice(recipient_id="005Tn0000000zzzIAA", subject="s", text="t")
    with pytest.raises(ValidationFailed):
        await sales_order_set_status(org.client, org.status(notice=notice))
    assert org.record("Order", org.ids["P1"])["Sync_Status__c"] == "待同步"


async def test_order_frozen_in_its_status_is_locked():
    async with running(switches=Switches(frozen_order_fields=("Sync_Status__c",))) as org:
        with pytest.raises(DocumentLocked, match="ENTITY_IS_LOCKED"):
            await sales_order_set_status(org.client, org.status())


@pytest.mark.parametrize("names_record", [True, False])
async def test_key_another_record_holds_is_tried_once_more_and_then_a_duplicate(names_record):
    switches = Switches(duplicate_names_record=names_record)
    async with running(switches=switches, erp_order_number_field="ERP_Order_Key__c") as org:
        await sales_order_set_status(org.client, org.status("P1"))
        before = org.port.calls
        with pytest.raises(DuplicateReference, match="DUPLICATE_VALUE"):
            await sales_order_set_status(org.client, org.status("P2"))
        assert org.port.calls - before == 2
        assert len(org.tasks()) == 1


# faults


@pytest.mark.parametrize("names_record", [True, False])
async def test_row_somebody_holds_is_tried_again_shortly_and_then_written(names_record):
    async with running("locked:write:x1", switches=Switches(lock_names_record=names_record)) as org:
        with pytest.raises(Throttled) as caught:
            await sales_order_set_status(org.client, org.status())
        assert 1 <= caught.value.retry_after_s <= 2
        await sales_order_set_status(org.client, org.status())
        assert (await document(org, org.status())).status == "已同步"


@pytest.mark.parametrize(
    "rule",
    [
        "lost_answer:write:x1",
        "reset_after_commit:write:x1",
        "late_answer:write:x1:1.5",
        "error_500_after_commit:write:x1",
        "error_503_after_commit:write:x1",
    ],
)
async def test_lost_answer_is_unknown_and_the_read_back_proves_the_write(rule):
    async with running(rule, switches=Switches(html_outages="503" in rule)) as org:
        with pytest.raises(UnknownOutcome):
            await sales_order_set_status(org.client, org.status())
        assert org.status().differences(await document(org, org.status())) == ()


@pytest.mark.parametrize(
    "rule", ["reset_before_commit:write:x1", "error_500_before_commit:write:x1", "maintenance:write:x1"]
)
async def test_write_that_failed_without_a_word_is_unknown_and_the_read_back_disproves_it(rule):
    async with running(rule) as org:
        with pytest.raises(UnknownOutcome):
            await sales_order_set_status(org.client, org.status())
        assert org.status().differences(await document(org, org.status())) != ()


@pytest.mark.parametrize("rule", ["reset_before_commit", "error_500_before_commit", "maintenance", "late_answer"])
async def test_read_without_a_useful_answer_is_unavailable_and_works_again(rule):
    async with running(f"{rule}:read:x1") as org:
        with pytest.raises(Unavailable):
            await org.read("P1")
        assert (await org.read("P1")).order_number == "00000001"


async def test_expired_session_is_renewed_unseen_and_the_status_written_once():
    async with running("expired_token:write:x1") as org:
        _, calls = await org.counted(sales_order_set_status(org.client, org.status()))
        assert calls == 3
        assert len(org.tasks()) == 1


async def test_session_that_ended_of_age_is_renewed_unseen():
    async with running(switches=Switches(session_life_s=60)) as org:
        await org.read("P1")
        org.clock.advance(61)
        assert (await org.read("P1")).order_number == "00000001"


async def test_vendors_own_word_how_long_to_wait_is_kept_for_all_callers():
    async with running("throttle:read:x1:30") as org:
        with pytest.raises(Throttled) as caught:
            await org.read("P1")
        assert caught.value.retry_after_s == 30
        before = org.port.calls
        with pytest.raises(Throttled):
            await org.read("P2")
        assert org.port.calls == before


# logging in


@pytest.mark.parametrize(
    "auth",
    [
        CLIENT,
        CLIENT | {"client_auth": "client_secret_basic"},
        CLIENT | {"kind": "password", "username": CREDENTIALS["username"], "password": CREDENTIALS["password"]},
        {
            "kind": "jwt_bearer",
            "client_id": CREDENTIALS["client_id"],
            "username": CREDENTIALS["username"],
            "token_url": "/services/oauth2/token",
            "private_key_file": "{private_key_file}",
        },
    ],
    ids=["client_credentials", "client_secret_basic", "password", "jwt_bearer"],
)
async def test_every_grant_opens_a_session(auth):
    async with running(auth=auth) as org:
        assert (await org.read("P1")).order_number == "00000001"


async def test_wrong_secret_is_access_refused_and_not_shown():
    with pytest.raises(AccessRefused, match="invalid_client") as caught:
        async with running(auth=CLIENT | {"client_secret": "a-wrong-secret"}):
            pass
    assert "a-wrong-secret" not in str(caught.value)
