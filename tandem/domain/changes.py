"""What changed since the last look: how polls find their work, whatever the system."""

from datetime import datetime

from tandem.domain.operation import Operation
from tandem.domain.record import Record


class OrdersChanged(Record):
    """All sales orders changed since the watermark of the last call; None: as far back as the system tells."""

    since: datetime | None = None


class OrderChanges(Record):
    """``watermark`` is where the next call must start: the vendor's word, not our clock.

    ``stamps``: for each order what tells this change from its other ones, where the vendor says it; changes behind the
    watermark come again then, in case one was committed late. Empty: the vendor does not say.
    """

    order_ids: tuple[str, ...]
    watermark: datetime
    stamps: tuple[str, ...] = ()


ORDERS_CHANGED = Operation("sales_order.changed", OrdersChanged, OrderChanges, effect="read")
