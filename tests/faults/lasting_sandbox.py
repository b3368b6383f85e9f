"""A SAP sandbox that may be killed: what it has answered for is in a file, and there again when it is started anew.

``python -m tests.faults.lasting_sandbox FILE PORT [RULE ...]``; prints one line of JSON when it is ready.
"""

import json
import os
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fixtures.retail import generate
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import run
from fixtures.sap_s4hana.books import Books
from fixtures.sap_s4hana.sales_order import ItemRequest, OrderRequest, SalesOrder
from fixtures.sap_s4hana.sandbox import build


class Lasting:
    """ASGI middleware inside the faults: a new order is on the disk before anything is answered about it."""

    def __init__(self, app: ASGIApp, books: Books, file: Path) -> None:
        self._app, self._books, self._file = app, books, file
        self._kept = len(list(books.sales_orders()))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await self._app(scope, receive, keep)
        self._write()
        for message in answer:
            await send(message)

    def _write(self) -> None:
        fresh = list(self._books.sales_orders())[self._kept :]
        if fresh:
            with self._file.open("a", encoding="utf-8") as file:
                file.writelines(json.dumps(_as_json(order)) + "\n" for order in fresh)
                file.flush()
                os.fsync(file.fileno())
            self._kept += len(fresh)


def _as_json(order: SalesOrder) -> dict[str, Any]:
    header = (
        "order_type",
        "sales_organization",
        "distribution_channel",
        "division",
        "sold_to",
        "reference",
        "currency",
    )
    item = ("number", "material", "unit", "plant")
    return {name: getattr(order, name) for name in header} | {
        "requested_on": order.requested_on.isoformat(),
        "items": [
            {name: getattr(each, name) for name in item} | {"quantity": str(each.quantity), "price": str(each.price)}
            for each in order.items.values()
        ],
    }


def _order(kept: dict[str, Any]) -> OrderRequest:
    items = tuple(
        ItemRequest(**item | {"quantity": Decimal(item["quantity"]), "price": Decimal(item["price"])})
        for item in kept["items"]
    )
    return OrderRequest(**kept | {"requested_on": date.fromisoformat(kept["requested_on"]), "items": items})


def main() -> None:
    file, port, *rules = sys.argv[1:]
    app = build(generate(20, 1), FaultPlan(rules, seed=1))
    books, path = app.state.books, Path(file)
    if path.exists():
        for line in path.read_text(encoding="utf-8").splitlines():
            books.create_sales_order(_order(json.loads(line)))
    app.user_middleware.append(Middleware(Lasting, books=books, file=path))
    run(app, port=int(port))


if __name__ == "__main__":
    main()
