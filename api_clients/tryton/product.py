"""Materials: Tryton's products, by the code people know them by."""

from collections.abc import Iterable

from api_clients.tryton.client import Client
from api_clients.tryton.values import Row
from tandem.errors import MaterialUnknown

PRODUCT = "product.product"
_FIELDS = ("code", "type", "consumable", "salable", "account_category", "default_uom.symbol", "sale_uom.symbol")


async def by_code(client: Client, codes: Iterable[str]) -> dict[str, Row]:
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
