"""Materials: Tryton's products, by the code people know them by."""

from collections.abc import Iterable

from api_clients.tryton.api import Api
from api_clients.tryton.values import Row
from tandem.domain.production_order import ProductionOrder
from tandem.domain.stock import Demand
from tandem.errors import MaterialUnknown, ValidationFailed

PRODUCT = "product.product"
_FIELDS = ("code", "type", "consumable", "salable", "account_category", "default_uom.symbol", "sale_uom.symbol")


async def by_code(client: Api, codes: Iterable[str]) -> dict[str, Row]:
    """The product of each code. Raises MaterialUnknown naming all that Tryton does not know or does not sell."""
    wanted = list(dict.fromkeys(codes))
    rows = await client.search_read(PRODUCT, [["code", "in", wanted], ["salable", "=", True]], _FIELDS)
    found = {row["code"]: row for row in rows}
    unknown = [code for code in wanted if code not in found]
    if unknown:
        raise MaterialUnknown(
            "{system} has no product {materials} that may be sold. Nothing was changed. "
            "Maintain it or correct the product mapping, then retry.",
            system=client.http.system,
            materials=", ".join(unknown),
        )
    return found


def refuse_other_unit(client: Api, demand: Demand | ProductionOrder, found: Row) -> None:
    """Raises ValidationFailed for a demand in another unit than the product is counted in."""
    unit = found["default_uom."]["symbol"]
    if unit != demand.unit:
        raise ValidationFailed(
            "{system} counts material {material} in {base_unit}, and the demand is in {unit}. Nothing was changed. "
            "Map the CRM's unit to {base_unit} in cross_reference.csv (kind unit), or the product to the base unit, "
            "then retry.",
            system=client.http.system,
            material=demand.material,
            base_unit=unit,
            unit=demand.unit,
        )
