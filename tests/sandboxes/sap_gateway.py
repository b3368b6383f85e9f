"""A bare HTTP client of the SAP sandbox for tests: httpx, no code of ours in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import httpx
from starlette.applications import Starlette

from fixtures.retail import generate
from fixtures.sandbox.clock import SandboxClock
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from fixtures.sap_s4hana.books import Books
from fixtures.sap_s4hana.sandbox import CREDENTIALS, Switches, build

ROOT = "/sap/opu/odata/sap/"
ORDERS = f"{ROOT}API_SALES_ORDER_SRV/"
RETAIL = generate(80, seed=3)


class Gateway:
    """A running sandbox: its books, its faults, its clock, and a client that is logged in and holds a CSRF token."""

    def __init__(self, app: Starlette, faults: FaultPlan, clock: SandboxClock, client: httpx.Client) -> None:
        self.books: Books = app.state.books
        self.faults = faults
        self.clock = clock
        self.client = client
        self.fetch_token()

    def fetch_token(self) -> None:
        answer = self.client.get(ORDERS, headers={"x-csrf-token": "Fetch"})
        self.client.headers["x-csrf-token"] = answer.headers["x-csrf-token"]

    def get(self, path: str, **options: str) -> httpx.Response:
        return self.client.get(f"{ROOT}{path}", params={f"${name}": value for name, value in options.items()})

    def create(self, reference: str, quantity: str = "2", **changes: Any) -> httpx.Response:
        return self.client.post(f"{ORDERS}A_SalesOrder", json=self.order(reference, quantity) | changes)

    def order(self, reference: str, quantity: str = "2") -> dict[str, Any]:
        return {
            "SalesOrderType": "OR",
            "SalesOrganization": "1710",
            "DistributionChannel": "10",
            "OrganizationDivision": "00",
            "SoldToParty": self.customer,
            "PurchaseOrderByCustomer": reference,
            "TransactionCurrency": "GBP",
            "RequestedDeliveryDate": "/Date(1796083200000)/",
            "to_Item": [{"SalesOrderItem": "10", "Material": self.goods, "RequestedQuantity": quantity}],
        }

    @property
    def customer(self) -> str:
        return next(customer.number for customer in self.books.customers.values() if not customer.order_block)

    @cached_property
    def goods(self) -> str:
        """The material there is most of."""
        return max(self.books.stock.on_hand, key=self.books.stock.on_hand.__getitem__)

    def anonymous(self) -> httpx.Client:
        """A client without login, cookies and token."""
        return httpx.Client(base_url=self.client.base_url, headers={"accept": "application/json"})


@contextmanager
def gateway(*rules: str, **switches: Any) -> Iterator[Gateway]:
    """A fresh sandbox with these switches; the fault rules are in force once the client is logged in."""
    faults, clock = FaultPlan(), SandboxClock()
    app = build(RETAIL, faults, Switches(**switches), clock=clock)
    login = (CREDENTIALS["username"], CREDENTIALS["password"])
    with serve(app) as server, httpx.Client(base_url=server.url, auth=login, timeout=5) as client:
        client.headers["accept"] = "application/json"
        running = Gateway(app, faults, clock, client)
        for rule in rules:
            faults.add(rule)
        yield running


def code(answer: httpx.Response) -> tuple[int, str]:
    """Status and SAP code of an error."""
    return answer.status_code, answer.json()["error"]["code"]


def number_of(answer: httpx.Response) -> str:
    assert answer.status_code == 201, answer.text
    return str(answer.json()["d"]["SalesOrder"])


def path_of(number: str) -> str:
    return f"{ORDERS}A_SalesOrder('{number}')"


def batch(*parts: str) -> bytes:
    return ("".join(f"--b\r\n{part}\r\n" for part in parts) + "--b--\r\n").encode()


def get_part(url: str) -> str:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    return f"{head}GET {url} HTTP/1.1\r\nAccept: application/json\r\n\r\n"


def changeset(*operations: str) -> str:
    head = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    parts = [f"--c\r\n{head}Content-ID: {number}\r\n\r\n{text}\r\n" for number, text in enumerate(operations, 1)]
    return "Content-Type: multipart/mixed; boundary=c\r\n\r\n" + "".join(parts) + "--c--\r\n"


def write_part(method: str, url: str, body: str) -> str:
    headers = "Content-Type: application/json\r\nAccept: application/json\r\n"
    return f"{method} {url} HTTP/1.1\r\n{headers}\r\n{body}"


def post_batch(sap: Gateway, content: bytes) -> httpx.Response:
    headers = {"content-type": "multipart/mixed;boundary=b"}
    return sap.client.post(f"{ORDERS}$batch", content=content, headers=headers)
