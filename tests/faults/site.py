"""The real parts of the matrix, shared by all cells: for each kind of vendor an SAP sandbox over HTTP, its web pages in
one Chromium, and its desktop client."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from api_clients.sap_s4hana import operations as sap
from fixtures.sap_s4hana.sandbox import Switches
from tandem.channels.api import ApiChannel
from tandem.channels.browser.channel import BrowserChannel
from tandem.channels.desktop.channel import DesktopChannel
from tandem.channels.guarded import Guarded
from tandem.domain.channel import Channel
from tandem.domain.operation import ChannelName
from tandem.domain.sales_order import SALES_ORDER_CREATE, SalesOrder
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.store.opening import open_database
from tandem.vault import Vault
from tests.faults.cells import FOUND_BY, KINDS, LATE_S, SETTLE_S, Cell, VendorKind
from tests.sap_desktop import sap_desktop
from tests.sap_pages import PASSWORD, USER, VENDOR_SETTINGS, SapPages

BOT = "one_order"
API = {
    "sales_order.create": sap.sales_order_create,
    "sales_order.find": sap.sales_order_find,
    "sales_order.cancel": sap.sales_order_cancel,
}
SETTINGS = {**VENDOR_SETTINGS, "refusals": {"ZSD/001": "duplicate_reference"}}


@dataclass
class Site:
    """Where the cells of one kind of vendor are played. ``desktop``: its client starts when it is first used."""

    sap: SapPages
    browser: BrowserChannel
    desktop: DesktopChannel
    folder: Path

    @asynccontextmanager
    async def engine(self, cell: Cell) -> AsyncIterator[Engine]:
        """A fresh engine on a store of its own; breakers and API connection are fresh too, the screens shared."""
        database = open_database(self.folder / f"{cell.reference}.db")
        port = api_port(self.sap.url)
        channels: dict[ChannelName, Channel] = {
            "api": api_channel(port),
            "browser": Guarded("erp", self.browser),
            "desktop": Guarded("erp", self.desktop),
        }
        system = System("erp", "sap_s4hana", channels, _operations(cell))
        bots = {BOT: one_order(system)}
        try:
            yield Engine(database, bots, Codec(Vault(Vault.new_key())), systems={"erp": system})
        finally:
            await port.aclose()
            await database.close()


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[dict[VendorKind, Site]]:
    """The running parts; all are ended at the end."""
    async with AsyncExitStack() as stack:
        yield {kind: await stack.enter_async_context(_site(folder / kind, kind)) for kind in KINDS}


@asynccontextmanager
async def _site(folder: Path, kind: VendorKind) -> AsyncIterator[Site]:
    switches = Switches(unique_reference=kind == "key")
    async with sap_desktop(folder / "desktop", language="en", switches=switches) as parts:
        browser = parts.sandbox.channel(folder / "browser")
        try:
            yield Site(parts.sandbox, browser, parts.channel, folder)
        finally:
            await browser.aclose()


def api_port(url: str, read_s: float = 1.0) -> HttpPort:
    """The API of a sandbox, with little patience."""
    return HttpPort(
        "erp",
        ApiSettings.model_validate(
            {
                "url": url,
                "auth": {"kind": "basic", "username": USER, "password": PASSWORD},
                "timeouts": {"connect_s": 1.0, "read_s": read_s},
            }
        ),
    )


@asynccontextmanager
async def api_engine(
    url: str, database: Database, bot: Callable[[System], Bot], operations: Mapping[str, Rungs]
) -> AsyncIterator[Engine]:
    """An engine that has the sandbox's API alone, and one bot; it waits for an answer as long as a vendor may take."""
    port = api_port(url, read_s=10.0)
    system = System("erp", "sap_s4hana", {"api": api_channel(port)}, operations)
    made = bot(system)
    try:
        yield Engine(database, {made.name: made}, Codec(Vault(Vault.new_key())), systems={"erp": system})
    finally:
        await port.aclose()
        await database.close()


def api_channel(port: HttpPort) -> ApiChannel:
    """What our client can do at the sandbox."""
    return ApiChannel("erp", port, sap.connect(port, sap.Settings.model_validate(SETTINGS)), API)


def one_order(system: System) -> Bot:
    """The bot that makes one order."""
    return Bot(BOT, SalesOrder, _one_order, systems={"erp": system})


def work(order: SalesOrder) -> Work:
    return Work(f"order {order.external_reference}", order)


def _operations(cell: Cell) -> Mapping[str, Rungs]:
    found_by = () if cell.kind == "blind" else FOUND_BY[cell.ladder]
    waits_s = (0.3, 1.2)
    create = Rungs(cell.channels, SETTLE_S, LATE_S, look_first=cell.kind == "natural", round_waits_s=waits_s)
    return {
        "sales_order.create": create,
        "sales_order.find": Rungs(found_by),
        "sales_order.cancel": Rungs(("api",) if "api" in found_by else (), SETTLE_S, LATE_S, round_waits_s=waits_s),
    }


async def _one_order(run: Run) -> BotResult:
    assert isinstance(run.item, SalesOrder)
    await run.perform("erp", SALES_ORDER_CREATE, run.item)
    return BotResult(outcome="created")
