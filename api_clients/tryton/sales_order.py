"""A sales order between the domain's words and those of sale.sale and sale.line."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal

from api_clients.tryton.number import document_id, draft_id
from api_clients.tryton.values import Row, related
from tandem.domain.sales_order import SalesOrder, SalesOrderConfirmation, SalesOrderDocument, SalesOrderLine

SALE, LINE = "sale.sale", "sale.line"
HEADER = (
    "number",
    "reference",
    "state",
    "shipment_state",
    "invoice_state",
    "party.code",
    "currency.code",
    "warehouse.code",
    "shipping_date",
)
LINES = ("sale", "sequence", "type", "product.code", "quantity", "unit.symbol", "unit_price")
OLDEST_FIRST = (("id", "ASC"),)
AS_SHOWN = (("sequence", "ASC NULLS FIRST"), ("id", "ASC"))
DRAFT = ("draft", "quotation")
"""States in which an order binds nobody."""

UNPROCESSED = (*DRAFT, "confirmed")
"""States in which an order holds no stock: Tryton plans its deliveries when it processes it, after its confirmation."""

_PLACEHOLDER = "(none)"


def values(
    order: SalesOrder,
    header: Row,
    products: Mapping[str, Row],
    units: Mapping[str, int],
    taxes: Mapping[int, list[int]],
) -> Row:
    """The record to create: the header as the screen fills it in, with what was ordered."""
    lines = [_line_values(line, products[line.material]["id"], units[line.unit], taxes) for line in order.lines]
    return {
        **header,
        "reference": order.external_reference,
        "shipping_date": order.requested_delivery_on,
        "lines": [["create", lines]],
    }


def is_processed(sale: Row) -> bool:
    """Whether it holds its stock, or needs none any more."""
    return sale["state"] not in UNPROCESSED


def is_withdrawn(sale: Row) -> bool:
    """Whether it was cancelled as a draft, or taken back later: then it is done, with nothing delivered or invoiced."""
    ended_empty = (sale["state"], sale["shipment_state"], sale["invoice_state"]) == ("done", "none", "none")
    return sale["state"] == "cancelled" or ended_empty


def confirmation(sale: Row) -> SalesOrderConfirmation:
    """Tryton promises no quantities: whether stock suffices is to be asked before."""
    return SalesOrderConfirmation(sales_order_id=document_id(sale), external_reference=sale["reference"])


def document(sale: Row, lines: Sequence[Row], *, waits: bool) -> SalesOrderDocument:
    """The order as it stands in the books. Lines without a number of their own are numbered as they are shown.

    ``waits``: a confirmed order counts as a draft until it is processed.
    """
    site = related(sale, "warehouse", "code")
    shown = [line for line in lines if line["type"] == "line"]
    day: date | None = sale["shipping_date"]
    return SalesOrderDocument(
        sales_order_id=document_id(sale),
        order=SalesOrder(
            external_reference=sale["reference"],
            sold_to_party=related(sale, "party", "code"),
            currency=related(sale, "currency", "code"),
            requested_delivery_on=day,
            lines=tuple(_line(line, position, site) for position, line in enumerate(shown, start=1)),
        ),
        cancelled=is_withdrawn(sale),
        draft=sale["state"] in (UNPROCESSED if waits else DRAFT),
        draft_id=draft_id(sale) if sale["number"] else None,
    )


def _line_values(line: SalesOrderLine, product: int, unit: int, taxes: Mapping[int, list[int]]) -> Row:
    return {
        "type": "line",
        "sequence": line.line_number,
        "product": product,
        "quantity": float(line.quantity),
        "unit": unit,
        "unit_price": line.net_price,
        "taxes": [["add", taxes[product]]],
    }


def _line(line: Row, position: int, site: str | None) -> SalesOrderLine:
    return SalesOrderLine(
        line_number=line["sequence"] if line["sequence"] is not None else position,
        material=related(line, "product", "code") or _PLACEHOLDER,
        quantity=Decimal(str(line["quantity"])),
        unit=related(line, "unit", "symbol") or _PLACEHOLDER,
        net_price=line["unit_price"],
        site=site,
    )
