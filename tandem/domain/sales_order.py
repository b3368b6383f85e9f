"""The ERP's sales order: what is asked, what was confirmed, what stands in the books."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from pydantic import Field

from tandem.domain.operation import Difference, Operation, unequal
from tandem.domain.record import Number, Record, Text


class SalesOrderLine(Record):
    """``net_price`` is per unit, in the order's currency. ``site`` is the supplying plant or warehouse."""

    line_number: int = Field(gt=0)
    material: Text
    quantity: Number = Field(gt=0)
    unit: Text
    net_price: Number = Field(ge=0)
    site: str | None = None

    @property
    def net_amount(self) -> Decimal:
        """Quantity times price, not rounded."""
        return self.quantity * self.net_price


class SalesOrderLookup(Record):
    """Find by the external reference; the customer narrows the search where the vendor needs it."""

    external_reference: Text
    sold_to_party: str | None = None


class SalesOrder(Record):
    """A sales order to be created. ``external_reference`` is its identity in every system (at most 35 characters)."""

    external_reference: Text = Field(max_length=35)
    sold_to_party: Text
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    requested_delivery_on: date | None = None
    lines: tuple[SalesOrderLine, ...] = Field(min_length=1)

    def lookup(self) -> SalesOrderLookup:
        return SalesOrderLookup(external_reference=self.external_reference, sold_to_party=self.sold_to_party)

    def differences(self, document: "SalesOrderDocument") -> tuple[Difference, ...]:
        return tuple(_differences(self, document.order))

    def expected(self) -> "SalesOrderConfirmation":
        return SalesOrderConfirmation(sales_order_id="?", external_reference=self.external_reference)


class ConfirmedLine(Record):
    """What the ERP's own availability check promised for one line; ``quantity`` None when it does not say."""

    line_number: int
    quantity: Number | None = None


class _OrderChange(Record):
    """A change of one order that stands already."""

    external_reference: Text
    sales_order_id: Text

    def lookup(self) -> SalesOrderLookup:
        return SalesOrderLookup(external_reference=self.external_reference)

    def concerns(self, document: "SalesOrderDocument") -> bool:
        return self.sales_order_id in document.ids

    def expected(self) -> "SalesOrderConfirmation":
        return SalesOrderConfirmation(sales_order_id=self.sales_order_id, external_reference=self.external_reference)


class SalesOrderCancel(_OrderChange):
    """Cancel one order: all its lines rejected, or the document deleted where nothing follows it."""

    def differences(self, document: "SalesOrderDocument") -> tuple[Difference, ...]:
        return () if document.cancelled else (Difference(field="cancelled", asked="yes", found="no"),)


class SalesOrderConfirm(_OrderChange):
    """Make an order binding, in an ERP that keeps it as a draft until then: credit is checked, stock is taken."""

    def differences(self, document: "SalesOrderDocument") -> tuple[Difference, ...]:
        if document.cancelled:
            return (Difference(field="confirmed", asked="yes", found="cancelled"),)
        return (Difference(field="confirmed", asked="yes", found="no"),) if document.draft else ()


class SalesOrderConfirmation(Record):
    """The ERP's answer: its document number, and what it confirmed per line."""

    sales_order_id: Text
    external_reference: Text
    lines: tuple[ConfirmedLine, ...] = ()

    @property
    def document_id(self) -> str:
        return self.sales_order_id

    def compensation(self) -> SalesOrderCancel:
        return SalesOrderCancel(external_reference=self.external_reference, sales_order_id=self.sales_order_id)

    def confirm(self) -> SalesOrderConfirm:
        return SalesOrderConfirm(external_reference=self.external_reference, sales_order_id=self.sales_order_id)


class SalesOrderDocument(Record):
    """A sales order as it stands in the ERP's books.

    ``draft``: it binds nobody and holds no stock before it is confirmed. ``draft_id``: what it was called before it
    was given its number, where the ERP numbers orders only then.
    """

    sales_order_id: Text
    order: SalesOrder
    confirmed: tuple[ConfirmedLine, ...] = ()
    cancelled: bool = False
    draft: bool = False
    draft_id: str | None = None

    @property
    def document_id(self) -> str:
        return self.sales_order_id

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id by which it is, or was, known."""
        return (self.sales_order_id,) if self.draft_id is None else (self.sales_order_id, self.draft_id)

    @property
    def void(self) -> bool:
        return self.cancelled

    def result(self) -> SalesOrderConfirmation:
        return SalesOrderConfirmation(
            sales_order_id=self.sales_order_id,
            external_reference=self.order.external_reference,
            lines=self.confirmed,
        )


class SalesOrdersFound(Record):
    """Every order with the reference, oldest first, cancelled ones included."""

    documents: tuple[SalesOrderDocument, ...] = ()


def _differences(asked: SalesOrder, found: SalesOrder) -> Iterator[Difference]:
    yield from unequal(asked, found, ("external_reference", "sold_to_party", "currency"))
    if asked.requested_delivery_on is not None:
        yield from unequal(asked, found, ("requested_delivery_on",))
    by_number = {line.line_number: line for line in found.lines}
    for line in asked.lines:
        other = by_number.pop(line.line_number, None)
        where = f"line {line.line_number} "
        if other is None:
            yield Difference(field=f"{where}material", asked=line.material, found="")
            continue
        yield from unequal(line, other, ("material", "quantity", "unit", "net_price"), where)
        if line.site is not None:
            yield from unequal(line, other, ("site",), where)
    for extra in by_number.values():
        yield Difference(field=f"line {extra.line_number} material", asked="", found=extra.material)


SALES_ORDER_FIND = Operation("sales_order.find", SalesOrderLookup, SalesOrdersFound, effect="read")
SALES_ORDER_CREATE = Operation(
    "sales_order.create",
    SalesOrder,
    SalesOrderConfirmation,
    effect="create",
    read_back="sales_order.find",
    compensated_by="sales_order.cancel",
)
SALES_ORDER_CONFIRM = Operation(
    "sales_order.confirm", SalesOrderConfirm, SalesOrderConfirmation, effect="update", read_back="sales_order.find"
)
SALES_ORDER_CANCEL = Operation(
    "sales_order.cancel", SalesOrderCancel, SalesOrderConfirmation, effect="update", read_back="sales_order.find"
)
