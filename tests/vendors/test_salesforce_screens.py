"""Our recordings on the Salesforce sandbox's pages, in a real browser."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fixtures.retail import generate
from fixtures.salesforce.org import Org
from fixtures.salesforce.sandbox import CREDENTIALS, build
from fixtures.salesforce.table import Record
from fixtures.sandbox.clock import SandboxClock
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from tandem.channels.browser.channel import BrowserChannel
from tandem.channels.browser.settings import BrowserSettings
from tandem.channels.library import Recordings, Screens
from tandem.domain.channel import Attempt
from tandem.domain.crm_order import (
    CRM_ORDER_READ,
    CRM_ORDER_SET_STATUS,
    CRM_ORDER_STATUS_FIND,
    CrmOrder,
    CrmOrderRead,
    CrmOrderStatus,
    CrmOrderStatusesFound,
    CrmOrderStatusLookup,
    Notice,
)
from tandem.domain.operation import Operation
from tandem.errors import (
    AccessRefused,
    DocumentLocked,
    DocumentNotFound,
    LoginExpired,
    ScreenNotReady,
    Unavailable,
    UnknownOutcome,
)
from tandem.store.evidence import EvidenceStore
from tandem.vault import Vault

pytestmark = pytest.mark.browser
ROOT = Path(__file__).parent.parent.parent
MESSAGE = '缺货 "85123A": 2 PC {braces}\nline two'


@dataclass
class Pages:
    """A running sandbox and a browser channel on it."""

    org: Org
    faults: FaultPlan
    clock: SandboxClock
    channel: BrowserChannel

    @property
    def orders(self) -> list[Record]:
        return list(self.org.tables["Order"])

    def outcome(self, reference: str = "run-1", **changed: Any) -> CrmOrderStatus:
        """The status to write to the first order, with a notice to its owner."""
        order = self.orders[0]
        given = {
            "external_reference": reference,
            "order_id": order["Id"],
            "status": "待补货",
            "erp_order_id": "4711",
            "message": MESSAGE,
            "notice": Notice(recipient_id=order["OwnerId"], subject="订单待补货", text="2 PC"),
        }
        return CrmOrderStatus(**given | changed)

    async def perform(self, operation: Operation[Any, Any], request: Any) -> Any:
        reference = getattr(request, "external_reference", None)
        return await self.channel.perform(Attempt(operation, "crm", request, reference, "test"))

    async def status(self, lookup: CrmOrderStatusLookup) -> CrmOrderStatusesFound:
        found: CrmOrderStatusesFound = await self.perform(CRM_ORDER_STATUS_FIND, lookup)
        return found


@asynccontextmanager
async def opened(folder: Path, *rules: str, language: str = "en", **settings: Any) -> AsyncIterator[Pages]:
    faults, clock = FaultPlan(rules, seed=1), SandboxClock()
    app = build(generate(12, seed=2), faults, clock=clock, language=language)
    async with serve(app) as server:
        block = {"url": server.url, "timeout_s": 3.0, "language": language} | CREDENTIALS | settings
        channel = BrowserChannel(
            "crm",
            BrowserSettings(**{name: block[name] for name in BrowserSettings.model_fields if name in block}),
            Recordings([ROOT / "recordings" / "salesforce"], "browser"),
            Screens([ROOT / "selectors" / "salesforce"], "browser"),
            Vault(Vault.new_key()),
            EvidenceStore(folder),
        )
        try:
            yield Pages(app.state.org, faults, clock, channel)
        finally:
            await channel.aclose()


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_status_and_notice_are_written_and_read_back_equal(tmp_path: Path, language: str) -> None:
    async with opened(tmp_path, language=language) as pages:
        outcome = pages.outcome()
        written = await pages.perform(CRM_ORDER_SET_STATUS, outcome)
        found = (await pages.status(outcome.lookup())).documents
        order, tasks = pages.orders[0], list(pages.org.tables["Task"])
    assert written.order_id == order["Id"]
    assert (order["Sync_Status__c"], order["ERP_Order_Number__c"], order["Sync_Message__c"]) == (
        "待补货",
        "4711",
        MESSAGE,
    )
    assert [(task["Subject"], task["Description"], task["OwnerId"], task["WhatId"]) for task in tasks] == [
        ("订单待补货", "2 PC", order["OwnerId"], order["Id"])
    ]
    assert len(found) == 1
    assert outcome.differences(found[0]) == ()


async def test_status_written_twice_gives_the_notice_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as pages:
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome())
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(status="已同步"))
        assert len(pages.org.tables["Task"]) == 1
        assert pages.orders[0]["Sync_Status__c"] == "已同步"


async def test_status_without_notice_and_number_leaves_both_alone(tmp_path: Path) -> None:
    async with opened(tmp_path) as pages:
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome())
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome("run-2", notice=None, erp_order_id=None, message=""))
        found = (await pages.status(CrmOrderStatusLookup(order_id=pages.orders[0]["Id"]))).documents[0]
        assert len(pages.org.tables["Task"]) == 1
    assert (found.erp_order_id, found.message, found.notices) == ("4711", "", 0)


@pytest.mark.parametrize("by", ["Id", "OrderNumber", "PoNumber"])
@pytest.mark.parametrize("kind", ["order", "reduction"])
async def test_order_is_read_from_the_screens_as_it_stands_in_the_org(tmp_path: Path, by: str, kind: str) -> None:
    async with opened(tmp_path) as pages:
        order = next(each for each in pages.orders if each["IsReductionOrder"] is (kind == "reduction"))
        read: CrmOrder = await pages.perform(CRM_ORDER_READ, CrmOrderRead(order=order[by]))
        items = pages.org.tables["OrderItem"].matching("OrderId", order["Id"])
        account = pages.org.tables["Account"].records[order["AccountId"]]
        products = [pages.org.tables["Product2"].records[item["Product2Id"]] for item in items]
    assert (read.order_id, read.order_number, read.kind) == (order["Id"], order["OrderNumber"], kind)
    assert (read.owner_id, read.currency, read.status) == (order["OwnerId"], "GBP", "待同步")
    assert read.account is not None
    assert (read.account.account_id, read.account.name) == (account["Id"], " ".join(account["Name"].split()))
    assert read.account.customer_number == account.get("ERP_Customer_Code__c")
    assert [
        (line.line_number, line.product_code, line.quantity, line.unit, line.unit_price) for line in read.lines
    ] == [
        (10 * place, product["ProductCode"], Decimal(str(item["Quantity"])), "PC", Decimal(str(item["UnitPrice"])))
        for place, (item, product) in enumerate(zip(items, products, strict=True), 1)
    ]


async def test_order_reads_alike_before_and_after_its_status_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path) as pages:
        asked = CrmOrderRead(order=pages.orders[0]["Id"])
        before: CrmOrder = await pages.perform(CRM_ORDER_READ, asked)
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome())
        after: CrmOrder = await pages.perform(CRM_ORDER_READ, asked)
    assert before.version == after.version
    assert (after.status, after.erp_order_id) == ("待补货", "4711")


@pytest.mark.parametrize("asked", ["801Tn00000000zzIAA", "no-such-number"])
async def test_order_that_is_not_there_is_a_document_not_found(tmp_path: Path, asked: str) -> None:
    async with opened(tmp_path) as pages:
        with pytest.raises(DocumentNotFound):
            await pages.perform(CRM_ORDER_READ, CrmOrderRead(order=asked))


async def test_deleted_order_has_no_status_and_takes_none(tmp_path: Path) -> None:
    async with opened(tmp_path) as pages:
        outcome = pages.outcome()
        order = pages.orders[0]
        pages.org.amend(pages.org.schema.objects["Order"], order, {"IsDeleted": True})
        assert (await pages.status(outcome.lookup())).documents == ()
        with pytest.raises(DocumentNotFound):
            await pages.perform(CRM_ORDER_SET_STATUS, outcome)
        assert len(pages.org.tables["Task"]) == 0


async def test_wrong_password_is_an_access_refused(tmp_path: Path) -> None:
    async with opened(tmp_path, password="wrong-password") as pages:
        with pytest.raises(AccessRefused):
            await pages.channel.login()


async def test_session_that_ended_says_so_and_a_login_later_the_write_succeeds(tmp_path: Path) -> None:
    async with opened(tmp_path) as pages:
        await pages.status(pages.outcome().lookup())
        pages.clock.advance(3 * 3600)
        with pytest.raises(LoginExpired):
            await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome())
        await pages.channel.login()
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome())
        assert pages.orders[0]["Sync_Status__c"] == "待补货"


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_screens_that_were_built_anew_are_still_worked_and_read(tmp_path: Path, language: str) -> None:
    async with opened(tmp_path, "changed_dom:web/any:1", language=language) as pages:
        outcome = pages.outcome()
        await pages.perform(CRM_ORDER_SET_STATUS, outcome)
        found = (await pages.status(outcome.lookup())).documents
        read: CrmOrder = await pages.perform(CRM_ORDER_READ, CrmOrderRead(order=pages.orders[0]["PoNumber"]))
    assert pages.faults.drawn
    assert outcome.differences(found[0]) == ()
    assert len(read.lines) == len(pages.org.tables["OrderItem"].matching("OrderId", read.order_id))


@pytest.mark.parametrize("kind", ["silent_noop", "wrong_field", "truncated"])
@pytest.mark.parametrize(("operation", "field"), [("sales_order.set_status", None), ("notice.create", "notice")])
async def test_save_that_only_looks_right_is_told_by_reading_back(
    tmp_path: Path, kind: str, operation: str, field: str | None
) -> None:
    async with opened(tmp_path, f"{kind}:web/{operation}:x1") as pages:
        outcome = pages.outcome()
        await pages.perform(CRM_ORDER_SET_STATUS, outcome)
        found = (await pages.status(outcome.lookup())).documents[0]
        task = next(iter(pages.org.tables["Task"]), None)
    differences = [difference.field for difference in outcome.differences(found)]
    if operation == "sales_order.set_status":
        assert differences
    elif kind == "silent_noop":
        assert differences == [field]
    else:
        assert task is not None
        assert (task["Subject"], task["Description"]) != ("订单待补货", "2 PC") or kind == "truncated"


async def test_record_held_by_another_user_is_a_document_locked(tmp_path: Path) -> None:
    async with opened(tmp_path, "locked:web/sales_order.set_status:x1") as pages:
        with pytest.raises(DocumentLocked):
            await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(notice=None))
        assert pages.orders[0]["Sync_Status__c"] == "待同步"


async def test_answer_lost_on_save_is_unknown_with_evidence(tmp_path: Path) -> None:
    async with opened(tmp_path, "lost_answer:web/sales_order.set_status:x1") as pages:
        with pytest.raises(UnknownOutcome) as raised:
            await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome())
        assert pages.orders[0]["Sync_Status__c"] == "待补货"
    assert {evidence.kind for evidence in raised.value.evidence} >= {"screenshot", "page_text"}


async def test_maintenance_page_before_the_write_is_unavailable(tmp_path: Path) -> None:
    async with opened(tmp_path, "maintenance:web/any:1") as pages:
        with pytest.raises(Unavailable):
            await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome())


async def test_box_out_of_nowhere_stops_before_anything_is_written(tmp_path: Path) -> None:
    async with opened(tmp_path, "popup:web/any:1") as pages:
        with pytest.raises(ScreenNotReady):
            await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome())
        assert pages.orders[0]["Sync_Status__c"] == "待同步"
        assert len(pages.org.tables["Task"]) == 0
