"""A CRM order in the ERP's words: customer number, material, unit, currency, identity."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from bots.sales_order_sync.mapping import Mapping
from tandem.domain.crm_order import CrmOrder, CrmOrderLine
from tandem.domain.sales_order import SalesOrder, SalesOrderLine
from tandem.domain.stock import Demand
from tandem.errors import OrderRefused

_REFERENCE_AT_MOST = 35


class CrossReferences(Protocol):
    """The table a user maintains: see ``tandem.workspace.cross_reference``."""

    def lookup(self, kind: str, source: str) -> str | None: ...


def translate(order: CrmOrder, mapping: Mapping, references: CrossReferences) -> SalesOrder:
    """The ERP order for a CRM order. Raises OrderRefused with the reason a salesperson can act on."""
    _refuse_what_is_no_order(order)
    reference = mapping.external_reference.format(order_number=order.order_number)
    if len(reference) > _REFERENCE_AT_MOST:
        raise OrderRefused(
            "Order {order} refused: its reference {reference} is longer than {limit} characters.",
            order=order.order_number,
            reference=reference,
            limit=_REFERENCE_AT_MOST,
        )
    return SalesOrder(
        external_reference=reference,
        sold_to_party=_customer(order, references),
        currency=_currency(order, mapping, references),
        requested_delivery_on=order.requested_delivery_on,
        lines=tuple(_line(order, line, mapping, references) for line in order.lines),
    )


def demands(lines: Iterable[SalesOrderLine]) -> tuple[Demand, ...]:
    """What the lines need of each material at each site, added up."""
    needed: dict[tuple[str, str | None, str], Decimal] = {}
    for line in lines:
        key = (line.material, line.site, line.unit)
        needed[key] = needed.get(key, Decimal(0)) + line.quantity
    return tuple(
        Demand(material=material, site=site, unit=unit, quantity=quantity)
        for (material, site, unit), quantity in needed.items()
    )


def _refuse_what_is_no_order(order: CrmOrder) -> None:
    if order.kind == "cancelled":
        raise OrderRefused("Order {order} refused: it is cancelled in the CRM.", order=order.order_number)
    if order.kind == "reduction":
        raise OrderRefused(
            "Order {order} refused: it is a reduction (a cancellation or return) and makes no ERP order.",
            order=order.order_number,
        )
    if not order.lines:
        raise OrderRefused("Order {order} refused: it has no lines.", order=order.order_number)


def _customer(order: CrmOrder, references: CrossReferences) -> str:
    account = order.account
    if account is None:
        raise OrderRefused(
            "Order {order} refused: it has no account in the CRM. Enter one there, then send the order again.",
            order=order.order_number,
        )
    found = references.lookup("customer", account.customer_number or account.account_id)
    if found or account.customer_number:
        return found or str(account.customer_number)
    raise OrderRefused(
        "Order {order} refused: its account has no ERP customer number. Enter it in the CRM account, or in "
        "cross_reference.csv as customer,{account},NUMBER; then send the order again.",
        order=order.order_number,
        account=account.account_id,
    )


def _currency(order: CrmOrder, mapping: Mapping, references: CrossReferences) -> str:
    given = order.currency or mapping.default_currency or ""
    currency = references.lookup("currency", given) or given
    if currency not in mapping.currencies:
        raise OrderRefused(
            "Order {order} refused: currency {currency} is not accepted. Accepted: {accepted}.",
            order=order.order_number,
            currency=currency or "(none)",
            accepted=", ".join(mapping.currencies),
        )
    return currency


def _line(order: CrmOrder, line: CrmOrderLine, mapping: Mapping, references: CrossReferences) -> SalesOrderLine:
    if line.quantity <= 0 or line.unit_price < 0:
        raise OrderRefused(
            "Order {order} refused: line {line} ({product}) has quantity {quantity} and price {price}; "
            "an order needs a quantity above 0 and a price of at least 0.",
            order=order.order_number,
            line=line.line_number,
            product=line.product_code,
            quantity=line.quantity,
            price=line.unit_price,
        )
    return SalesOrderLine(
        line_number=line.line_number,
        material=_material(order, line, mapping, references),
        quantity=line.quantity,
        unit=_unit(line, mapping, references),
        net_price=line.unit_price,
        site=mapping.site,
    )


def _material(order: CrmOrder, line: CrmOrderLine, mapping: Mapping, references: CrossReferences) -> str:
    code = line.product_code.strip()
    if not code:
        raise OrderRefused(
            "Order {order} refused: line {line} names no product.", order=order.order_number, line=line.line_number
        )
    return references.lookup("material", code) or (code.upper() if mapping.upper_case_materials else code)


def _unit(line: CrmOrderLine, mapping: Mapping, references: CrossReferences) -> str:
    unit = line.unit or mapping.default_unit
    return references.lookup("unit", unit) or mapping.units.get(unit, unit)
