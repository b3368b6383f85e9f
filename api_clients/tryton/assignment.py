"""Assignment of stock to the moves of a delivery: what they still need, and how much of it Tryton has not got."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from api_clients.tryton.api import Api
from api_clients.tryton.product import PRODUCT

_MOVE = "stock.move"
_FIELDS = ("product", "product.code", "product.default_uom.symbol", "internal_quantity")


@dataclass(frozen=True)
class Need:
    """A quantity of one product, in its base unit."""

    product: int
    code: str
    unit: str
    quantity: Decimal

    def __str__(self) -> str:
        return f"{self.quantity.normalize():f} {self.unit} {self.code}"


async def unassigned(client: Api, moves: Sequence[int]) -> tuple[Need, ...]:
    """What is still to be assigned to the moves, one need for each product; consumables are there always."""
    domain = [["id", "in", moves], ["state", "in", ["draft", "staging"]], ["product.consumable", "=", False]]
    needs: dict[int, Need] = {}
    for row in await client.search_read(_MOVE, domain, _FIELDS):
        product, quantity = row["product."], Decimal(str(row["internal_quantity"]))
        first = Need(row["product"], product["code"], product["default_uom."]["symbol"], Decimal(0))
        need = needs.get(first.product, first)
        needs[first.product] = replace(need, quantity=need.quantity + quantity)
    return tuple(needs.values())


async def missing(client: Api, needs: Sequence[Need], location: int) -> tuple[Need, ...]:
    """What of the needs does not lie at this location on Tryton's day, or is assigned to others."""
    held = await _held(client, [need.product for need in needs], location)
    lacking = (replace(need, quantity=need.quantity - max(Decimal(0), held[need.product])) for need in needs)
    return tuple(need for need in lacking if need.quantity > 0)


async def _held(client: Api, products: Sequence[int], location: int) -> Mapping[int, Decimal]:
    rows = await client.search_read(
        PRODUCT,
        [["id", "in", products], ["active", "in", [True, False]]],
        ["quantity"],
        locations=[location],
        stock_date_end=await client.today(),
        stock_assign=True,
    )
    return {row["id"]: Decimal(str(row["quantity"])) for row in rows}
