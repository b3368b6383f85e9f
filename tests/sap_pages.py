"""The SAP sandbox's web pages on loopback, and a browser channel on them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fixtures.retail import generate
from fixtures.sandbox.clock import SandboxClock
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from fixtures.sap_s4hana.books import Books
from fixtures.sap_s4hana.sandbox import CREDENTIALS, Switches, build
from tandem.channels.browser.channel import BrowserChannel
from tandem.channels.browser.settings import BrowserSettings
from tandem.channels.library import Recordings, Screens
from tandem.domain.channel import Attempt
from tandem.domain.operation import Operation
from tandem.domain.sales_order import SalesOrder, SalesOrderLine
from tandem.store.evidence import EvidenceStore
from tandem.vault import Vault

ROOT = Path(__file__).parent.parent
USER, PASSWORD = CREDENTIALS["username"], CREDENTIALS["password"]
VENDOR_SETTINGS = {
    "order_type": "OR",
    "sales_organization": "1710",
    "distribution_channel": "10",
    "division": "00",
    "plant": "1710",
}


@dataclass
class SapPages:
    """A running sandbox: its books, its faults, where it listens."""

    books: Books
    faults: FaultPlan
    clock: SandboxClock
    url: str
    vault: Vault = field(default_factory=lambda: Vault(Vault.new_key()))

    def channel(
        self, folder: Path, *, selectors: tuple[Path, ...] = (), session_file: Path | None = None, **settings: Any
    ) -> BrowserChannel:
        """A browser channel; ``selectors``: folders that come before ours."""
        block = {"url": f"{self.url}/ui", "username": USER, "password": PASSWORD, "timeout_s": 3.0, **settings}
        return BrowserChannel(
            "erp",
            BrowserSettings(**block),
            Recordings([ROOT / "recordings" / "sap_s4hana"], "browser"),
            Screens([*selectors, ROOT / "selectors" / "sap_s4hana"], "browser"),
            self.vault,
            EvidenceStore(folder),
            vendor_settings=VENDOR_SETTINGS,
            session_file=session_file,
        )

    def stored(self, order: SalesOrder) -> int:
        """How many orders with this order's reference stand in the books."""
        return len(self.books.find_sales_orders(reference=order.external_reference))

    def order(self, reference: str, *, lines: int = 2) -> SalesOrder:
        """An order of a customer who is not blocked, for goods in stock; quantities and prices differ by line."""
        customer = next(customer for customer in self.books.customers.values() if not customer.order_block)
        goods = [code for code, material in self.books.materials.items() if not material.is_service][:lines]
        return SalesOrder(
            external_reference=reference,
            sold_to_party=customer.number,
            currency="GBP",
            requested_delivery_on="2026-12-31",
            lines=tuple(
                SalesOrderLine(
                    line_number=10 * number,
                    material=code,
                    quantity=number,
                    unit="PC",
                    net_price=f"{number}.{number}5",
                    site="1710",
                )
                for number, code in enumerate(goods, 1)
            ),
        )


@asynccontextmanager
async def sap_pages(
    *rules: str,
    language: str = "en",
    switches: Switches = Switches(),  # noqa: B008 - frozen
) -> AsyncIterator[SapPages]:
    """The pages over generated books, struck by the faults of these rules."""
    clock = SandboxClock()
    faults = FaultPlan(rules, seed=1)
    app = build(generate(20, 1), faults, switches, clock=clock, language=language)
    async with serve(app) as server:
        yield SapPages(app.state.books, faults, clock, server.url)


def attempt(operation: Operation[Any, Any], request: Any) -> Attempt:
    """An attempt outside any run."""
    return Attempt(operation, "erp", request, getattr(request, "external_reference", None), "test")
