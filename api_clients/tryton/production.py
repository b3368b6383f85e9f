"""A production order between the domain's words and those of production, and what it is made from."""

from collections.abc import Mapping
from decimal import Decimal

from api_clients.tryton.api import Api
from api_clients.tryton.number import document_id, draft_id
from api_clients.tryton.product import PRODUCT
from api_clients.tryton.values import Row, related
from tandem.domain.production_order import ProductionOrderDocument, ProductionOrderState
from tandem.errors import MaterialUnknown, ValidationFailed
from tandem.http.together import together

PRODUCTION = "production"
HEADER = (
    "number",
    "reference",
    "state",
    "product.code",
    "quantity",
    "unit.symbol",
    "warehouse.code",
    "planned_date",
)
OLDEST_FIRST = (("id", "ASC"),)
_BILL, _FIRST = "product.product-production.bom", (("sequence", "ASC NULLS FIRST"), ("id", "ASC"))
_STATES: Mapping[str, ProductionOrderState] = {
    "request": "planned",
    "draft": "planned",
    "waiting": "released",
    "assigned": "released",
    "running": "started",
    "done": "finished",
    "cancelled": "cancelled",
}
_BEGUN = ("running", "done")


async def product_and_bill(client: Api, code: str) -> tuple[Row, int]:
    """The product, and the first of its bills of materials, which Tryton's own planning takes too.

    Raises MaterialUnknown for a product that Tryton does not know or does not produce, ValidationFailed for one without
    a bill.
    """
    products, bills = await together(
        client.search_read(
            PRODUCT, [["code", "=", code], ["producible", "=", True]], ["code", "default_uom", "default_uom.symbol"]
        ),
        client.search_read(_BILL, [["product.code", "=", code]], ["bom"], order=_FIRST),
    )
    if not products:
        raise MaterialUnknown(
            "{system} has no product {materials} that may be produced. Nothing was changed. "
            "Maintain it or correct the product mapping, then retry.",
            system=client.http.system,
            materials=code,
        )
    if not bills:
        raise ValidationFailed(
            "{system} has no bill of materials for product {material}. Nothing was changed. Maintain one, then retry.",
            system=client.http.system,
            material=code,
        )
    return products[0], bills[0]["bom"]


def is_cancelled(production: Row) -> bool:
    return _STATES[production["state"]] == "cancelled"


def refuse_begun(client: Api, production: Row) -> None:
    """Raises ValidationFailed when components were taken: cancelling would bring them back in the books alone."""
    if production["state"] in _BEGUN:
        raise ValidationFailed(
            "Production order {number} cannot be cancelled in {system}: it is {state}. Nothing was changed. "
            "Have it ended there, then resolve this by hand.",
            number=document_id(production),
            system=client.http.system,
            state=production["state"],
        )


def document(production: Row) -> ProductionOrderDocument:
    """The production order as it stands in the books."""
    quantity = production["quantity"]
    return ProductionOrderDocument(
        production_order_id=document_id(production),
        external_reference=production["reference"],
        state=_STATES[production["state"]],
        material=related(production, "product", "code"),
        quantity=None if quantity is None else Decimal(str(quantity)),
        unit=related(production, "unit", "symbol"),
        site=related(production, "warehouse", "code"),
        planned_on=production["planned_date"],
        draft_id=draft_id(production) if production["number"] else None,
    )
