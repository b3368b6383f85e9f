"""The CRM's order: as sold, with its account, and the status a bot writes back to it."""

import hashlib
from datetime import date
from typing import Literal

from pydantic import Field

from tandem.domain.operation import Difference, Operation
from tandem.domain.record import Number, PersonalText, Record, Text

LONGEST_SUBJECT = 250
"""Of a notice, in characters: what every CRM keeps."""

CrmOrderKind = Literal["order", "draft", "reduction", "cancelled"]


class CrmOrderLine(Record):
    """``quantity`` may be negative on a reduction order; ``unit`` None: the product's base unit."""

    line_number: int = Field(gt=0)
    product_code: str
    quantity: Number
    unit: str | None = None
    unit_price: Number


class CrmAccount(Record):
    """The customer of a CRM order. ``customer_number`` is the ERP's number of it, where the CRM knows it."""

    account_id: Text
    customer_number: str | None = None
    name: PersonalText = ""


class CrmOrder(Record):
    """An order as the CRM holds it.

    ``status`` and ``erp_order_id`` are what a bot wrote back earlier, if any; ``owner_id`` is the salesperson.
    """

    order_id: Text
    order_number: Text
    kind: CrmOrderKind = "order"
    account: CrmAccount | None = None
    owner_id: str | None = None
    currency: str | None = None
    requested_delivery_on: date | None = None
    status: str | None = None
    erp_order_id: str | None = None
    lines: tuple[CrmOrderLine, ...] = ()

    @property
    def version(self) -> str:
        """Changes when the order as sold changes, and only then: the same through every channel.

        A vendor's own time stamp would not do, because our writing the status back moves it too.
        """
        account = (self.account.account_id, self.account.customer_number) if self.account else None
        lines = [line.model_dump_json() for line in self.lines]
        sold = repr((self.kind, account, self.currency, self.requested_delivery_on, lines))
        return hashlib.sha256(sold.encode()).hexdigest()[:32]


class CrmOrderRead(Record):
    """Read one order by the CRM's own id or by its order number."""

    order: Text


class Notice(Record):
    """A message to the salesperson, in the CRM's own way (a task, a feed post)."""

    recipient_id: Text
    subject: Text
    text: str


class NoticeFound(Record):
    """A notice as it stands in the CRM. None: what the channel that looked does not show."""

    recipient_id: str | None = None
    subject: str | None = None
    text: str | None = None


class CrmOrderStatusLookup(Record):
    order_id: Text
    notice_reference: str | None = None


class CrmOrderStatus(Record):
    """Write the outcome back to the CRM order and tell the salesperson, as one act.

    ``external_reference`` identifies the notice, so that it is given once. ``status`` is the CRM's own value
    (``已同步``, ``待补货``, …); ``message`` at most 32,000 characters.
    """

    external_reference: Text = Field(max_length=64)
    order_id: Text
    status: Text
    erp_order_id: str | None = None
    message: str = ""
    notice: Notice | None = None

    def lookup(self) -> CrmOrderStatusLookup:
        return CrmOrderStatusLookup(
            order_id=self.order_id, notice_reference=self.external_reference if self.notice else None
        )

    def differences(self, document: "CrmOrderStatusDocument") -> tuple[Difference, ...]:
        pairs = [("status", self.status, document.status), ("message", self.message, document.message)]
        if self.erp_order_id is not None:
            pairs.append(("erp_order_id", self.erp_order_id, document.erp_order_id or ""))
        if self.notice is not None:
            pairs.append(("notice", "1", str(document.notices)))
            pairs += _notice_pairs(self.notice, document.notice)
        return tuple(
            Difference(field=field, asked=asked, found=found or "") for field, asked, found in pairs if asked != found
        )

    def expected(self) -> "CrmOrderStatusWritten":
        return CrmOrderStatusWritten(order_id=self.order_id)


class CrmOrderStatusWritten(Record):
    order_id: Text


class CrmOrderStatusDocument(Record):
    """The written-back fields of one CRM order; ``notices`` counts those with the reference asked for.

    ``notice`` is the first of them.
    """

    order_id: Text
    status: str | None = None
    erp_order_id: str | None = None
    message: str = ""
    notices: int = 0
    notice: NoticeFound | None = None

    @property
    def document_id(self) -> str:
        return self.order_id

    @property
    def void(self) -> bool:
        return False

    def result(self) -> CrmOrderStatusWritten:
        return CrmOrderStatusWritten(order_id=self.order_id)


class CrmOrderStatusesFound(Record):
    """One document, or none when the order is gone."""

    documents: tuple[CrmOrderStatusDocument, ...] = ()


def _notice_pairs(asked: Notice, found: NoticeFound | None) -> list[tuple[str, str, str | None]]:
    """A subject longer than a CRM's field may have been cut."""
    if found is None:
        return []
    pairs = [("notice recipient", asked.recipient_id, found.recipient_id), ("notice text", asked.text, found.text)]
    if found.subject is not None:
        kept = max(len(found.subject), LONGEST_SUBJECT)
        pairs.append(("notice subject", asked.subject[:kept], found.subject))
    return [(field, wanted, shown) for field, wanted, shown in pairs if shown is not None]


CRM_ORDER_READ = Operation("sales_order.read", CrmOrderRead, CrmOrder, effect="read")
"""Raises DocumentNotFound when the CRM has no such order, or no longer."""
CRM_ORDER_STATUS_FIND = Operation("sales_order.status", CrmOrderStatusLookup, CrmOrderStatusesFound, effect="read")
CRM_ORDER_SET_STATUS = Operation(
    "sales_order.set_status",
    CrmOrderStatus,
    CrmOrderStatusWritten,
    effect="update",
    read_back="sales_order.status",
)
"""Raises DocumentNotFound when the order was deleted meanwhile."""
