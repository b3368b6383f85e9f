"""Our recordings on the Salesforce sandbox's pages, in a real browser."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

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
    CrmOrderStatusDocument,
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

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="module")]
ROOT = Path(__file__).parent.parent.parent
MESSAGE = '缺货 "85123A": 2 PC {braces}\nline two'


@dataclass
class Pages:
    """A running sandbox and a browser channel on it. Each test takes orders of its own with ``taken``."""

    url: str
    org: Org
    faults: FaultPlan
    clock: SandboxClock
    channel: BrowserChannel
    untaken: Iterator[Record]

    def taken(self) -> str:
        """The id of an order that no other test works on."""
        return str(next(self.untaken)["Id"])

    def order(self, order_id: str) -> Record:
        """The order as it stands in the org now."""
        return self.org.tables["Order"].records[order_id]

    def tasks(self, order_id: str) -> list[Record]:
        return self.org.tables["Task"].matching("WhatId", order_id)

    def outcome(self, order_id: str, **changed: Any) -> CrmOrderStatus:
        """The status to write to the order, with a notice to its owner."""
        given = {
            "external_reference": f"run-{order_id}",
            "order_id": order_id,
            "status": "待补货",
            "erp_order_id": "4711",
            "message": MESSAGE,
            "notice": Notice(recipient_id=self.order(order_id)["OwnerId"], subject="订单待补货", text="2 PC"),
        }
        return CrmOrderStatus(**given | changed)

    async def perform(self, operation: Operation[Any, Any], request: Any) -> Any:
        reference = getattr(request, "external_reference", None)
        return await self.channel.perform(Attempt(operation, "crm", request, reference, "test"))

    async def status(self, lookup: CrmOrderStatusLookup) -> tuple[CrmOrderStatusDocument, ...]:
        found: CrmOrderStatusesFound = await self.perform(CRM_ORDER_STATUS_FIND, lookup)
        return found.documents


def channel_on(url: str, evidence: Path, language: str, password: str = CREDENTIALS["password"]) -> BrowserChannel:
    return BrowserChannel(
        "crm",
        BrowserSettings(url=url, username=CREDENTIALS["username"], password=password, language=language, timeout_s=5.0),
        Recordings([ROOT / "recordings" / "salesforce"], "browser"),
        Screens([ROOT / "selectors" / "salesforce"], "browser"),
        Vault(Vault.new_key()),
        EvidenceStore(evidence),
    )


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["en", "zh"])
async def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pages]:
    """The sandbox in one language of its user, with a channel that stays logged in."""
    faults, clock = FaultPlan(seed=1), SandboxClock()
    app = build(generate(60, seed=2), faults, clock=clock, language=request.param)
    async with serve(app) as server:
        channel = channel_on(server.url, tmp_path_factory.mktemp("evidence"), request.param)
        orders = [order for order in app.state.org.tables["Order"] if not order["IsReductionOrder"]]
        yield Pages(server.url, app.state.org, faults, clock, channel, iter(orders))
        await channel.aclose()


@pytest.fixture
def pages(running: Pages) -> Iterator[Pages]:
    yield running
    running.faults.clear()


in_english = pytest.mark.parametrize("running", ["en"], indirect=True)
"""For what does not depend on the language."""


async def test_status_and_notice_are_written_and_read_back_equal(pages: Pages) -> None:
    order_id = pages.taken()
    outcome = pages.outcome(order_id)
    written = await pages.perform(CRM_ORDER_SET_STATUS, outcome)
    found = await pages.status(outcome.lookup())
    order = pages.order(order_id)
    assert written.order_id == order_id
    assert [order[name] for name in ("Sync_Status__c", "ERP_Order_Number__c", "Sync_Message__c")] == [
        "待补货",
        "4711",
        MESSAGE,
    ]
    assert [(task["Subject"], task["Description"], task["OwnerId"]) for task in pages.tasks(order_id)] == [
        ("订单待补货", "2 PC", order["OwnerId"])
    ]
    assert [outcome.differences(document) for document in found] == [()]


async def test_status_written_twice_gives_the_notice_once(pages: Pages) -> None:
    order_id = pages.taken()
    await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id))
    await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id, status="已同步"))
    assert len(pages.tasks(order_id)) == 1
    assert pages.order(order_id)["Sync_Status__c"] == "已同步"


async def test_status_without_notice_and_number_leaves_both_alone(pages: Pages) -> None:
    order_id = pages.taken()
    await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id))
    await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id, notice=None, erp_order_id=None, message=""))
    found = (await pages.status(CrmOrderStatusLookup(order_id=order_id)))[0]
    assert len(pages.tasks(order_id)) == 1
    assert (found.erp_order_id, found.message, found.notices) == ("4711", "", 0)


@pytest.mark.parametrize(("by", "kind"), [("Id", "order"), ("OrderNumber", "reduction"), ("PoNumber", "order")])
async def test_order_is_read_from_the_screens_as_it_stands_in_the_org(pages: Pages, by: str, kind: str) -> None:
    org = pages.org
    order = next(each for each in org.tables["Order"] if each["IsReductionOrder"] is (kind == "reduction"))
    read: CrmOrder = await pages.perform(CRM_ORDER_READ, CrmOrderRead(order=order[by]))
    items = org.tables["OrderItem"].matching("OrderId", order["Id"])
    account = org.tables["Account"].records[order["AccountId"]]
    products = [org.tables["Product2"].records[item["Product2Id"]] for item in items]
    assert (read.order_id, read.order_number, read.kind) == (order["Id"], order["OrderNumber"], kind)
    assert (read.owner_id, read.currency, read.status) == (order["OwnerId"], "GBP", order["Sync_Status__c"])
    assert read.account is not None
    assert (read.account.account_id, read.account.name) == (account["Id"], account["Name"])
    assert read.account.customer_number == account.get("ERP_Customer_Code__c")
    assert [
        (line.line_number, line.product_code, line.quantity, line.unit, line.unit_price) for line in read.lines
    ] == [
        (10 * place, product["ProductCode"], Decimal(str(item["Quantity"])), "PC", Decimal(str(item["UnitPrice"])))
        for place, (item, product) in enumerate(zip(items, products, strict=True), 1)
    ]


@in_english
async def test_order_is_of_the_same_version_after_its_status_is_written(pages: Pages) -> None:
    asked = CrmOrderRead(order=pages.taken())
    before: CrmOrder = await pages.perform(CRM_ORDER_READ, asked)
    await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(asked.order))
    after: CrmOrder = await pages.perform(CRM_ORDER_READ, asked)
    assert before.version == after.version
    assert (after.status, after.erp_order_id) == ("待补货", "4711")


@pytest.mark.parametrize("asked", ["801Tn00000000zzIAA", "no-such-number"])
async def test_order_that_is_not_there_is_a_document_not_found(pages: Pages, asked: str) -> None:
    with pytest.raises(DocumentNotFound):
        await pages.perform(CRM_ORDER_READ, CrmOrderRead(order=asked))


@in_english
async def test_deleted_order_has_no_status_and_takes_none(pages: Pages) -> None:
    order_id = pages.taken()
    outcome = pages.outcome(order_id)
    pages.org.amend(pages.org.schema.objects["Order"], pages.order(order_id), {"IsDeleted": True})
    assert await pages.status(outcome.lookup()) == ()
    with pytest.raises(DocumentNotFound):
        await pages.perform(CRM_ORDER_SET_STATUS, outcome)
    assert pages.tasks(order_id) == []


@in_english
async def test_wrong_password_is_an_access_refused(pages: Pages, tmp_path: Path) -> None:
    channel = channel_on(pages.url, tmp_path, "en", "wrong-password")
    with pytest.raises(AccessRefused):
        await channel.login()
    await channel.aclose()


@in_english
async def test_session_that_ended_says_so_and_a_login_later_the_write_succeeds(pages: Pages) -> None:
    order_id = pages.taken()
    await pages.status(pages.outcome(order_id).lookup())
    pages.clock.advance(3 * 3600)
    with pytest.raises(LoginExpired):
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id))
    await pages.channel.login()
    await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id))
    assert pages.order(order_id)["Sync_Status__c"] == "待补货"


@in_english
async def test_forms_that_were_built_anew_are_still_filled_in(pages: Pages) -> None:
    pages.faults.add("changed_dom:web/sales_order.set_status:1")
    outcome = pages.outcome(pages.taken(), notice=None)
    await pages.perform(CRM_ORDER_SET_STATUS, outcome)
    found = await pages.status(outcome.lookup())
    assert pages.faults.drawn
    assert outcome.differences(found[0]) == ()


async def test_order_page_that_was_built_anew_is_still_read(pages: Pages) -> None:
    order_id = pages.taken()
    pages.faults.add("changed_dom:web/sales_order.read:1")
    found = await pages.status(CrmOrderStatusLookup(order_id=order_id, notice_reference="none"))
    assert [(document.order_id, document.status, document.notices) for document in found] == [(order_id, "待同步", 0)]


@in_english
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("silent_noop", ["status", "message", "erp_order_id"]),
        ("wrong_field", ["erp_order_id"]),
        ("truncated", ["message"]),
    ],
)
async def test_save_that_only_looks_right_differs_when_read_back(pages: Pages, kind: str, fields: list[str]) -> None:
    pages.faults.add(f"{kind}:web/sales_order.set_status:x1")
    outcome = pages.outcome(pages.taken())
    await pages.perform(CRM_ORDER_SET_STATUS, outcome)
    found = (await pages.status(outcome.lookup()))[0]
    assert [difference.field for difference in outcome.differences(found)] == fields


@in_english
async def test_notice_that_was_not_stored_is_missed_when_read_back(pages: Pages) -> None:
    pages.faults.add("silent_noop:web/notice.create:x1")
    outcome = pages.outcome(pages.taken())
    await pages.perform(CRM_ORDER_SET_STATUS, outcome)
    found = (await pages.status(outcome.lookup()))[0]
    assert [difference.field for difference in outcome.differences(found)] == ["notice"]


async def test_record_held_by_another_user_is_a_document_locked(pages: Pages) -> None:
    pages.faults.add("locked:web/sales_order.set_status:x1")
    order_id = pages.taken()
    with pytest.raises(DocumentLocked):
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id, notice=None))
    assert pages.order(order_id)["Sync_Status__c"] == "待同步"


@in_english
async def test_answer_lost_on_save_is_unknown_with_evidence(pages: Pages) -> None:
    pages.faults.add("lost_answer:web/sales_order.set_status:x1")
    order_id = pages.taken()
    with pytest.raises(UnknownOutcome) as raised:
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id))
    assert pages.order(order_id)["Sync_Status__c"] == "待补货"
    assert {evidence.kind for evidence in raised.value.evidence} >= {"screenshot", "page_text"}


@in_english
@pytest.mark.parametrize(("fault", "known"), [("maintenance", Unavailable), ("popup", ScreenNotReady)])
async def test_trouble_before_the_first_save_writes_nothing(pages: Pages, fault: str, known: type[Exception]) -> None:
    pages.faults.add(f"{fault}:web/any:1")
    order_id = pages.taken()
    with pytest.raises(known):
        await pages.perform(CRM_ORDER_SET_STATUS, pages.outcome(order_id))
    assert pages.order(order_id)["Sync_Status__c"] == "待同步"
    assert pages.tasks(order_id) == []
