"""Available-to-promise, from what Tryton forecasts.

What is in stock on a day may be promised to an order for a later one, so the lower of two forecasts counts: for the day
asked for, and for the end of all that is planned. Deliveries whose day has passed while they wait are in neither
(Tryton's own job moves them to today, where somebody runs it), so they are taken off.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal

from api_clients.tryton.api import Api
from api_clients.tryton.product import PRODUCT
from api_clients.tryton.values import Row
from tandem.domain.stock import Availability, Demand
from tandem.http.together import together

_MOVE = "stock.move"


async def available(client: Api, products: Sequence[Row], warehouse: int, on: date, today: date) -> dict[int, Decimal]:
    """What may be promised of each product, by its id, in its base unit; ``today``: the day it is for Tryton."""
    ids = [product["id"] for product in products]
    on_the_day, in_the_end, late = await together(
        _forecast(client, ids, warehouse, max(on, today)),
        _forecast(client, ids, warehouse, None),
        _late(client, ids, warehouse, today),
    )
    return {id_: min(on_the_day[id_], in_the_end[id_]) - late.get(id_, Decimal(0)) for id_ in ids}


def availability(demand: Demand, product: Row, quantities: dict[int, Decimal]) -> Availability:
    """Services and consumables are without limit."""
    limited = product["type"] == "goods" and not product["consumable"]
    return Availability(
        material=demand.material,
        site=demand.site,
        requested=demand.quantity,
        available=quantities[product["id"]] if limited else None,
    )


async def _forecast(client: Api, ids: Sequence[int], warehouse: int, on: date | None) -> dict[int, Decimal]:
    rows = await client.search_read(
        PRODUCT, [["id", "in", ids]], ["forecast_quantity"], locations=[warehouse], stock_date_end=on
    )
    return {row["id"]: Decimal(str(row["forecast_quantity"])) for row in rows}


async def _late(client: Api, ids: Sequence[int], warehouse: int, today: date) -> dict[int, Decimal]:
    domain = [
        ["product", "in", ids],
        ["state", "=", "draft"],
        ["planned_date", "<", today],
        ["from_location", "child_of", [warehouse], "parent"],
        ["to_location", "not child_of", [warehouse], "parent"],
    ]
    late: dict[int, Decimal] = {}
    for row in await client.search_read(_MOVE, domain, ["product", "internal_quantity"]):
        late[row["product"]] = late.get(row["product"], Decimal(0)) + Decimal(str(row["internal_quantity"]))
    return late
