"""Forms that store something else than was entered: every field of SAP's order form, and of Salesforce's two forms."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from api_clients.salesforce import operations as salesforce
from fixtures.retail import generate
from fixtures.salesforce.org import Org
from fixtures.salesforce.sandbox import CREDENTIALS, build
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from tandem.channels.api import ApiChannel
from tandem.channels.browser.channel import BrowserChannel
from tandem.channels.browser.settings import BrowserSettings
from tandem.channels.library import Recordings, Screens
from tandem.domain.crm_order import CRM_ORDER_SET_STATUS, CrmOrderStatus, Notice
from tandem.domain.sales_order import SalesOrder
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings
from tandem.store import journal
from tandem.store.codec import Codec
from tandem.store.evidence import EvidenceStore
from tandem.store.opening import open_database
from tandem.vault import Vault
from tests.faults.account import Account, played
from tests.faults.cells import Cell, Strike, VendorKind
from tests.faults.site import Site, opened
from tests.salesforce_org import CLIENT
from tests.sap_pages import ROOT

pytestmark = [pytest.mark.timeout(300), pytest.mark.asyncio(loop_scope="module")]

SAP = {
    "wrong_field:sold_to": "sold_to_party",
    "wrong_field:reference": "",
    "wrong_field:currency": "currency",
    "wrong_field:requested_on": "requested_delivery_on",
    "wrong_field:item": "line 10 material",
    "wrong_field:material": "line 10 material",
    "wrong_field:quantity": "line 10 quantity",
    "wrong_field:unit": "",
    "wrong_field:plant": "",
    "wrong_field:price": "line 10 net_price",
    "truncated:3:reference": "",
    "truncated:2:sold_to": "",
    "truncated:2:currency": "",
    "truncated:3:material": "",
    "truncated:1:unit": "",
    "truncated:2:plant": "",
    "rounded:quantity": "line 10 quantity",
    "rounded:price": "line 10 net_price",
    "swapped": "line 10 net_price",
    "silent_noop": "",
}
"""What is done to which field of the order, and the difference a ticket must name; "": the vendor refuses the value, or
nobody finds the order by its reference, and the ticket says that."""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[VendorKind, Site]]:
    async with opened(tmp_path_factory.mktemp("screens")) as sites:
        yield sites


def spoiling(fault: str) -> Strike:
    kind, _, parameter = fault.partition(":")
    return Strike(fault, kind, parameter=parameter, mends=False)


async def struck(site: Site, fault: str, ladder: str) -> Account:
    """An order with decimals in every number."""
    cell = Cell(spoiling(fault), ladder, "natural")
    order = site.sap.order(cell.reference)
    lines = tuple(line.model_copy(update={"quantity": line.quantity + Decimal("1.5")}) for line in order.lines)
    return await played(site, cell, asked=SalesOrder(**dict(order) | {"lines": lines}))


@pytest.mark.parametrize(
    "ladder",
    [
        pytest.param("browser", marks=pytest.mark.browser),
        pytest.param("desktop", marks=[pytest.mark.desktop, pytest.mark.nightly]),
    ],
)
@pytest.mark.parametrize("fault", SAP)
async def test_order_stored_otherwise_stops_at_a_ticket_that_names_the_field(
    sites: dict[VendorKind, Site], fault: str, ladder: str
) -> None:
    account = await struck(sites["natural"], fault, ladder)
    assert account.struck == 1
    assert account.run.status == "waiting", account
    assert len(account.made) <= 1
    (ticket,) = account.tickets
    if SAP[fault]:
        assert ticket.kind == "written_differently"
        assert SAP[fault] in ticket.error["fields"]["fields"]


@pytest.mark.browser
async def test_click_that_was_ignored_is_noticed_and_the_order_made_once(sites: dict[VendorKind, Site]) -> None:
    strike = Strike("dead_button", "dead_button", at="view", channels=("browser",))
    account = await played(sites["key"], Cell(strike, "browser", "key"))
    assert account.struck == 1
    assert account.exactly_once, account


STATUS = [
    f"{kind}:web/{act}:x1{more}"
    for act, kind, more in (
        ("sales_order.set_status", "wrong_field", ":Sync_Status__c"),
        ("sales_order.set_status", "wrong_field", ":ERP_Order_Number__c"),
        ("sales_order.set_status", "wrong_field", ":Sync_Message__c"),
        ("sales_order.set_status", "truncated", ":3:ERP_Order_Number__c"),
        ("sales_order.set_status", "truncated", ":3:Sync_Message__c"),
        ("sales_order.set_status", "swapped", ""),
        ("sales_order.set_status", "silent_noop", ""),
        ("sales_order.set_status", "dead_button", ""),
        ("notice.create", "wrong_field", ":Subject"),
        ("notice.create", "wrong_field", ":Description"),
        ("notice.create", "wrong_field", ":AssignedTo"),
        ("notice.create", "wrong_field", ":Tandem_Key__c"),
        ("notice.create", "truncated", ":3:Subject"),
        ("notice.create", "truncated", ":3:Description"),
        ("notice.create", "truncated", ":3:Tandem_Key__c"),
        ("notice.create", "swapped", ""),
        ("notice.create", "silent_noop", ""),
        ("notice.create", "dead_button", ""),
    )
]


@dataclass
class Crm:
    """A Salesforce sandbox whose orders are written by screen and read back by API."""

    org: Org
    faults: FaultPlan
    system: System

    def outcome(self, number: int) -> CrmOrderStatus:
        order = [each for each in self.org.tables["Order"] if not each["IsReductionOrder"]][number]
        return CrmOrderStatus(
            external_reference=f"run-{order['Id']}",
            order_id=order["Id"],
            status="待补货",
            erp_order_id="4711",
            message="Two pieces are missing.",
            notice=Notice(recipient_id=order["OwnerId"], subject="Order waits", text="Two pieces are missing."),
        )


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def crm(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Crm]:
    faults = FaultPlan(seed=1)
    app = build(generate(60, seed=2), faults)
    async with serve(app) as server:
        port = HttpPort("crm", ApiSettings.model_validate({"url": server.url, "auth": CLIENT}))
        rungs = {
            "sales_order.status": salesforce.sales_order_status,
            "sales_order.set_status": salesforce.sales_order_set_status,
        }
        api = ApiChannel("crm", port, salesforce.connect(port, salesforce.Settings()), rungs)
        browser = _lightning(server.url, tmp_path_factory.mktemp("evidence"))
        operations = {
            "sales_order.set_status": Rungs(("browser",), settle_s=0.3, late_s=0.5, round_waits_s=()),
            "sales_order.status": Rungs(("api",)),
        }
        system = System("crm", "salesforce", {"api": api, "browser": browser}, operations)
        yield Crm(app.state.org, faults, system)
        await browser.aclose()
        await port.aclose()


def _lightning(url: str, folder: Path) -> BrowserChannel:
    return BrowserChannel(
        "crm",
        BrowserSettings(url=url, username=CREDENTIALS["username"], password=CREDENTIALS["password"], timeout_s=5.0),
        Recordings([ROOT / "recordings" / "salesforce"], "browser"),
        Screens([ROOT / "selectors" / "salesforce"], "browser"),
        Vault(Vault.new_key()),
        EvidenceStore(folder),
    )


async def _tell(run: Run) -> BotResult:
    assert isinstance(run.item, CrmOrderStatus)
    await run.perform("crm", CRM_ORDER_SET_STATUS, run.item)
    return BotResult(outcome="told")


@pytest.mark.browser
@pytest.mark.parametrize("fault", STATUS)
async def test_status_stored_otherwise_is_seen_before_the_next_step(
    crm: Crm, tmp_path: Path, fault: str, record_property: Callable[[str, object], None]
) -> None:
    asked = crm.outcome(STATUS.index(fault))
    database = open_database(tmp_path / "tandem.db")
    bots = {"tell": Bot("tell", CrmOrderStatus, _tell, systems={"crm": crm.system})}
    engine = Engine(database, bots, Codec(Vault(Vault.new_key())), systems={"crm": crm.system})
    crm.faults.add(fault)
    drawn = len(crm.faults.drawn)
    try:
        (run_id,) = await engine.start("tell", [Work(asked.order_id, asked)])
        await engine.work(patience_s=5.0)
        entries = await database.read(lambda connection: journal.load(connection, run_id))
    finally:
        crm.faults.clear()
        await database.close()
    assert len(crm.faults.drawn) == drawn + 1
    first: dict[str, Any] = next(entry.body for entry in entries if entry.kind == "looked")
    seen = [difference["field"] for difference in first["differences"]]
    record_property("seen", seen)
    assert first["verdict"] == "absent"
    assert seen
    (completed, ticketed) = ([entry for entry in entries if entry.kind == kind] for kind in ("completed", "ticketed"))
    assert len(completed) + len(ticketed) == 1
