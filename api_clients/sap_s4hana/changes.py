"""Which sales orders changed: by LastChangeDateTime of the header, which moves with its items too.

Pages are made of the order numbers: an order that changes while they are read keeps its place, so none is skipped, as
some would be in an order by time.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from api_clients.sap_s4hana.entity import Entity
from api_clients.sap_s4hana.literals import from_on, query
from api_clients.sap_s4hana.values import bare, instant

BACK = timedelta(days=29)
_STAMP = "LastChangeDateTime"
NEWEST = query("A_SalesOrder", select=_STAMP, orderby=f"{_STAMP} desc", top=1)
"""The query for the last change of all."""


def changed_since(since: datetime) -> str:
    """The query for the orders changed then (to the second) or later."""
    return query("A_SalesOrder", filter=from_on(_STAMP, since), select=f"SalesOrder,{_STAMP}", orderby="SalesOrder")


def newest(found: Sequence[Entity]) -> datetime | None:
    """When the last change was; None when there are no orders. Raises KeyError, ValueError."""
    return instant(found[0][_STAMP]) if found else None


def by_order(found: Sequence[Entity]) -> dict[str, str]:
    """The time of its last change, as a stamp, by order number. Raises KeyError, ValueError."""
    return {bare(order["SalesOrder"]): instant(order[_STAMP]).isoformat() for order in found}
