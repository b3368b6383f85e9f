"""A sales order between the domain's words and those of API_SALES_ORDER_SRV."""

from api_clients.sap_s4hana.entity import Entity, expanded
from api_clients.sap_s4hana.literals import equal, query
from api_clients.sap_s4hana.price import condition, net_price
from api_clients.sap_s4hana.settings import Settings
from api_clients.sap_s4hana.values import bare, day, edm_date, edm_decimal, number
from tandem.domain.sales_order import (
    ConfirmedLine,
    SalesOrder,
    SalesOrderConfirmation,
    SalesOrderDocument,
    SalesOrderLine,
)
from tandem.errors import ValidationFailed

_HEADER = (
    "SalesOrder",
    "SoldToParty",
    "PurchaseOrderByCustomer",
    "TransactionCurrency",
    "RequestedDeliveryDate",
    "TotalCreditCheckStatus",
)
_ITEM = (
    "SalesOrderItem",
    "Material",
    "RequestedQuantity",
    "RequestedQuantityUnit",
    "ProductionPlant",
    "SalesDocumentRjcnReason",
    "ConfdDelivQtyInOrderQtyUnit",
    "NetAmount",
)
_PRICE = (
    "ConditionType",
    "ConditionRateValue",
    "ConditionQuantity",
    "ConditionInactiveReason",
)
CREDIT_BLOCKED = ("B", "C")
"""TotalCreditCheckStatus of an order that waits for a credit release, wholly or in part."""


def by_reference(external_reference: str) -> str:
    """The query for every order with the reference, with items and prices, in one call.

    The customer does not narrow it: an order written for the wrong customer must be found too.
    """
    fields = [
        *_HEADER,
        *(f"to_Item/{name}" for name in _ITEM),
        *(f"to_Item/to_PricingElement/{name}" for name in _PRICE),
    ]
    return query(
        "A_SalesOrder",
        filter=equal("PurchaseOrderByCustomer", external_reference),
        expand="to_Item,to_Item/to_PricingElement",
        select=",".join(fields),
    )


def new_order(order: SalesOrder, settings: Settings) -> Entity:
    """The body of the deep insert. Raises ValidationFailed for a price SAP cannot keep."""
    body: Entity = {
        "SalesOrderType": settings.order_type,
        "SalesOrganization": settings.sales_organization,
        "DistributionChannel": settings.distribution_channel,
        "OrganizationDivision": settings.division,
        "SoldToParty": bare(order.sold_to_party),
        "PurchaseOrderByCustomer": order.external_reference,
        "TransactionCurrency": order.currency,
        "to_Item": [_new_item(line, order, settings) for line in order.lines],
    }
    if order.requested_delivery_on is not None:
        body["RequestedDeliveryDate"] = edm_date(order.requested_delivery_on)
    return body


def confirmation(created: Entity, external_reference: str) -> SalesOrderConfirmation:
    """What the answer to the deep insert says; not every system answers with the items."""
    return SalesOrderConfirmation(
        sales_order_id=bare(created["SalesOrder"]),
        external_reference=external_reference,
        lines=_confirmed(expanded(created.get("to_Item"))),
    )


def document(entity: Entity, settings: Settings, sold_to_party: str | None = None) -> SalesOrderDocument:
    """The order as it stands in the books. Rejected items count as absent, unless all are: then it is cancelled.

    The customer is spelled like ``sold_to_party`` when only leading zeros differ.
    """
    items = expanded(entity["to_Item"])
    kept = [item for item in items if not item["SalesDocumentRjcnReason"]]
    shown = sorted(kept or items, key=lambda item: int(item["SalesOrderItem"]))
    return SalesOrderDocument(
        sales_order_id=bare(entity["SalesOrder"]),
        order=SalesOrder(
            external_reference=entity["PurchaseOrderByCustomer"],
            sold_to_party=_spelled(entity["SoldToParty"], sold_to_party),
            currency=entity["TransactionCurrency"],
            requested_delivery_on=day(entity["RequestedDeliveryDate"]),
            lines=tuple(_line(item, settings) for item in shown),
        ),
        confirmed=_confirmed(shown),
        cancelled=bool(items) and not kept,
    )


def _spelled(found: str, asked: str | None) -> str:
    return asked if asked is not None and bare(asked) == bare(found) else bare(found)


def _new_item(line: SalesOrderLine, order: SalesOrder, settings: Settings) -> Entity:
    try:
        price = condition(settings.price_condition, line.net_price, order.currency, line.unit)
    except ValueError:
        raise ValidationFailed(
            "Order {reference} was not sent: the price {price} {currency} of line {line} has more decimals than "
            "SAP can keep. Round it to six decimals at most, then retry.",
            reference=order.external_reference,
            price=line.net_price,
            currency=order.currency,
            line=line.line_number,
        ) from None
    return {
        "SalesOrderItem": str(line.line_number),
        "Material": line.material,
        "RequestedQuantity": edm_decimal(line.quantity),
        "RequestedQuantityUnit": line.unit,
        "ProductionPlant": line.site or settings.plant,
        "to_PricingElement": [price],
    }


def _line(item: Entity, settings: Settings) -> SalesOrderLine:
    return SalesOrderLine(
        line_number=int(item["SalesOrderItem"]),
        material=item["Material"],
        quantity=number(item["RequestedQuantity"]),
        unit=item["RequestedQuantityUnit"],
        net_price=net_price(item, settings.price_condition),
        site=item["ProductionPlant"] or None,
    )


def _confirmed(items: list[Entity]) -> tuple[ConfirmedLine, ...]:
    return tuple(_confirmed_line(item) for item in items)


def _confirmed_line(item: Entity) -> ConfirmedLine:
    promised = item.get("ConfdDelivQtyInOrderQtyUnit")
    return ConfirmedLine(
        line_number=int(item["SalesOrderItem"]), quantity=None if promised is None else number(promised)
    )
