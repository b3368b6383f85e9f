"""Cancelling a sales order: a reason for rejection on every item, in one changeset that stands or falls as one."""

from api_clients.sap_s4hana.batch import Change
from api_clients.sap_s4hana.entity import Entity, etag_of, expanded
from api_clients.sap_s4hana.literals import entity, query
from api_clients.sap_s4hana.settings import Settings
from api_clients.sap_s4hana.values import bare

_FIELDS = (
    "SalesOrder",
    "PurchaseOrderByCustomer",
    "LastChangeDateTime",
    "to_Item/SalesOrderItem",
    "to_Item/SalesDocumentRjcnReason",
)


def by_number(sales_order_id: str) -> str:
    """The address of one order with what cancelling it needs: its reference, its etag and its items."""
    order = entity("A_SalesOrder", SalesOrder=bare(sales_order_id))
    return query(order, expand="to_Item", select=",".join(_FIELDS))


def rejections(order: Entity, settings: Settings) -> list[Change]:
    """A change for each item not rejected yet. Items have no etag: the header, written as it is, is the condition."""
    number = order["SalesOrder"]
    open_items = [item["SalesOrderItem"] for item in expanded(order["to_Item"]) if not item["SalesDocumentRjcnReason"]]
    if not open_items:
        return []
    unchanged = Change(
        "PATCH",
        entity("A_SalesOrder", SalesOrder=number),
        {"PurchaseOrderByCustomer": order["PurchaseOrderByCustomer"]},
        {"If-Match": etag_of(order) or "*"},
    )
    rejected = {"SalesDocumentRjcnReason": settings.rejection_reason}
    return [
        unchanged,
        *(
            Change(
                "PATCH",
                entity("A_SalesOrderItem", SalesOrder=number, SalesOrderItem=item),
                rejected,
                {"If-Match": "*"},
            )
            for item in open_items
        ),
    ]
