"""A served Salesforce sandbox with our client logged in to it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from api_clients.salesforce.operations import Settings, connect, sales_order_read
from fixtures.retail import Retail, RetailCustomer, RetailLine, RetailOrder, RetailProduct
from fixtures.salesforce.sandbox import CREDENTIALS, Switches, build
from fixtures.sandbox.clock import SandboxClock
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from tandem.domain.crm_order import CrmOrder, CrmOrderRead, CrmOrderStatus, Notice
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

Result = TypeVar("Result")

CLIENT = {
    "kind": "client_credentials",
    "client_id": CREDENTIALS["client_id"],
    "client_secret": CREDENTIALS["client_secret"],
    "token_url": "/services/oauth2/token",
}


def _line(number: int, quantity: int = 2, price: str = "1.25") -> RetailLine:
    return RetailLine(f"{85000 + number}A", f"Article {number}", Decimal(quantity), Decimal(price))


def retail(*, long_order_lines: int = 3) -> Retail:
    """Orders by PO number: P1 (three lines), P2 (many), C3 (a reduction), P4 (nobody's)."""
    return Retail(
        orders=(
            RetailOrder("P1", "17000", "France", (_line(1, 12, "4.58"), _line(2, 48, "0.4125"), _line(1, 3))),
            RetailOrder("P2", "17001", "France", tuple(_line(place % 40) for place in range(long_order_lines))),
            RetailOrder("C3", "17000", "France", (_line(1, -2),)),
            RetailOrder("P4", None, "France", (_line(5),)),
        ),
        customers=(RetailCustomer("17000", "O'Neil & Söhne", "France"), RetailCustomer("17001", "莉莉", "China")),
        products=tuple(RetailProduct(f"{85000 + number}A", f"Article {number}", Decimal(2)) for number in range(40)),
        stock={},
    )


class OrgClock:
    """The org's time for our side too; sleeping is real."""

    def __init__(self, clock: SandboxClock) -> None:
        self._clock = clock

    def now(self) -> datetime:
        return self._clock.now()

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class SalesforceOrg:
    """``books`` are the sandbox's own records, ``ids`` those of its orders by PO number."""

    def __init__(self, url: str, books: Any, faults: FaultPlan, clock: SandboxClock, auth: Any, settings: Any) -> None:
        self.books = books
        self.faults = faults
        self.clock = clock
        api = ApiSettings.model_validate({"url": url, "auth": auth, "timeouts": {"read_s": 1.0}})
        self.port = HttpPort("crm", api, OrgClock(clock))
        self.client = connect(self.port, Settings.model_validate(settings))
        self.ids = {record["PoNumber"]: record["Id"] for record in books.tables["Order"]}

    def record(self, sobject: str, record_id: str) -> dict[str, Any]:
        """A record as it stands in the books."""
        found = self.books.tables[sobject].get(record_id)
        assert found is not None
        return dict(found)

    def tasks(self) -> list[dict[str, Any]]:
        return list(self.books.tables["Task"])

    async def read(self, order: str) -> CrmOrder:
        return await sales_order_read(self.client, CrmOrderRead(order=order))

    async def counted(self, awaitable: Awaitable[Result]) -> tuple[Result, int]:
        """The result, and how many HTTP requests it took."""
        before = self.port.calls
        result = await awaitable
        return result, self.port.calls - before

    async def delete(self, order: str) -> None:
        """Somebody deletes an order, back in draft."""
        await self.client.update("Order", self.ids[order], {"Status": "Draft"})
        response = await self.port.send("DELETE", f"/services/data/v66.0/sobjects/Order/{self.ids[order]}")
        assert response.status_code == 204, response.text

    def status(self, order: str = "P1", **changes: object) -> CrmOrderStatus:
        """A write-back with a notice to the order's owner."""
        record = self.record("Order", self.ids[order])
        asked = CrmOrderStatus(
            external_reference=f"{record['Id']}-news",
            order_id=record["Id"],
            status="已同步",
            erp_order_id="4711",
            message="ERP order 4711 created.",
            notice=Notice(recipient_id=record["OwnerId"], subject="Order: 已同步", text="ERP order 4711 created."),
        )
        return asked.model_copy(update=changes)


@asynccontextmanager
async def running(
    *rules: str,
    switches: Switches | None = None,
    auth: dict[str, Any] | None = None,
    data: Retail | None = None,
    **settings: Any,
) -> AsyncIterator[SalesforceOrg]:
    """A served org. ``auth`` may name ``{private_key_file}``."""
    faults, clock = FaultPlan(), SandboxClock()
    app = build(data or retail(), faults, switches or Switches(), clock=clock)
    key_file = app.state.credentials["private_key_file"]
    given = {name: value.replace("{private_key_file}", key_file) for name, value in (auth or CLIENT).items()}
    async with serve(app) as server:
        org = SalesforceOrg(server.url, app.state.org, faults, clock, given, settings)
        try:
            await org.port.login()
            for rule in rules:
                faults.add(rule)
            yield org
        finally:
            await org.port.aclose()
