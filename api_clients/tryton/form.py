"""What Tryton's screens fill in by themselves, asked of the server: its API writes only what it is given.

A clerk who chooses a customer sees addresses, currency, terms and methods appear, and the taxes as soon as a product is
chosen. The same rules are methods of the server, which its own clients call; so do we, and an order through the API
equals one through the screen, tax included. A production likewise gets the moves its bill of materials asks for.
"""

from collections.abc import Iterable
from datetime import date
from typing import Any

from api_clients.tryton.api import Api
from api_clients.tryton.values import Row, plain
from tandem.errors import ValidationFailed
from tandem.http.together import together

_SALE, _MOVE, _INVOICE = "sale.sale", "account.move", "account.invoice"
_HEADER = ("company", "currency", "invoice_method", "shipment_method", "warehouse", "payment_term", "state", "lines")
_PRODUCTION, _PLAN = "production", ("company", "type", "state")
_COMPONENT = ("product", "quantity", "unit", "from_location", "to_location", "company", "unit_price", "currency")


async def new_sale(client: Api, party: int, warehouse: int) -> Row:
    """The header of a new sale to this party."""
    defaults = await client.call(_SALE, "default_get", _HEADER, False)
    blank = {**defaults, "warehouse": warehouse, "lines": []}
    filled = plain(await client.call(_SALE, "on_change", {**blank, "party": party}, ["party"]))
    filled.pop("lines", None)
    return {**filled, "warehouse": warehouse, "party": party}


async def taxes(client: Api, sale: Row, products: Iterable[Row]) -> dict[int, list[int]]:
    """The taxes of each product in this sale, by the product's id.

    Tryton decides by the product's accounting category and the customer's tax rule; so one call for each category.
    """
    by_category: dict[Any, list[Row]] = {}
    for product in products:
        by_category.setdefault(product["account_category"], []).append(product)
    found = await together(*(_taxes_of(client, sale, group[0]) for group in by_category.values()))
    groups = zip(by_category.values(), found, strict=True)
    return {product["id"]: rates for group, rates in groups for product in group}


async def new_move(client: Api, on: date) -> Row:
    """The header of a new move of accounts on this day. Raises ValidationFailed when no period is open then."""
    defaults = plain(await client.call(_MOVE, "default_get", ("company",), False))
    blank = {**defaults, "date": on, "period": None, "lines": []}
    filled = await client.call(_MOVE, "on_change", blank, ["date"])
    if filled.get("period") is None:
        raise ValidationFailed(
            "{system} has no open accounting period on {day}. Nothing was changed. Open one there, or correct the day, "
            "then retry.",
            system=client.http.system,
            day=on,
        )
    return {"company": blank["company"], "date": on, "period": filled["period"]}


async def receivable(client: Api, party: int) -> int:
    """The account of what this party owes: its own, or else the company's."""
    defaults = await client.call(_INVOICE, "default_get", ("company",), False)
    filled = await client.call(_INVOICE, "on_change", {**plain(defaults), "type": "out", "party": party}, ["party"])
    return int(filled["account"])


async def _taxes_of(client: Api, sale: Row, product: Row) -> list[int]:
    parent = {f"_parent_sale.{name}": value for name, value in sale.items()}
    line = {"type": "line", "company": sale["company"], "sale": -1, "quantity": 1, "product": product["id"]}
    changed = await client.call("sale.line", "on_change", {**line, **parent}, ["product"])
    return [record["id"] for _, record in changed.get("taxes", {}).get("add", ())]


async def new_production(client: Api, warehouse: int, asked: Row) -> Row:
    """A production in this warehouse of the ``product``, ``bom``, ``quantity``, ``unit`` and ``planned_date`` asked."""
    defaults = await client.call(_PRODUCTION, "default_get", _PLAN, False)
    blank = {**defaults, "warehouse": warehouse, "inputs": [], "outputs": []}
    placed = {**blank, **plain(await client.call(_PRODUCTION, "on_change", blank, ["warehouse"])), **asked}
    filled = plain(await client.call(_PRODUCTION, "on_change", placed, ["bom"]))
    return {**placed, **filled, "inputs": _new_moves(filled, "inputs"), "outputs": _new_moves(filled, "outputs")}


def _new_moves(filled: Row, field: str) -> list[Any]:
    moves = [move for _, move in filled.get(field, {}).get("add", ())]
    return [["create", [{name: move.get(name) for name in _COMPONENT} for move in moves]]]
