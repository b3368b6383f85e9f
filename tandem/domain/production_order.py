"""Production orders: what is to be made, how much of it, where, and by which day."""

from datetime import date
from typing import Literal

from pydantic import Field

from tandem.domain.operation import Difference, Operation, unequal
from tandem.domain.record import Number, Record, Text

ProductionOrderState = Literal["planned", "released", "started", "finished", "cancelled"]
"""``released``: the shop floor may begin; ``started``: components were taken; ``finished``: the goods are there."""

_ASKED = ("external_reference", "material", "quantity", "unit", "planned_on")


class ProductionOrderLookup(Record):
    external_reference: Text


class ProductionOrder(Record):
    """A production order to be created; its components are those of the ERP's bill of materials.

    ``external_reference`` is its identity in every system (at most 35 characters). ``site`` is the producing plant or
    warehouse. ``planned_on``: the day the goods are to be finished.
    """

    external_reference: Text = Field(max_length=35)
    material: Text
    quantity: Number = Field(gt=0)
    unit: Text
    site: str | None = None
    planned_on: date

    def lookup(self) -> ProductionOrderLookup:
        return ProductionOrderLookup(external_reference=self.external_reference)

    def differences(self, document: "ProductionOrderDocument") -> tuple[Difference, ...]:
        fields = _ASKED if self.site is None else (*_ASKED, "site")
        return tuple(unequal(self, document, fields))

    def expected(self) -> "ProductionOrderConfirmation":
        return ProductionOrderConfirmation(production_order_id="?", external_reference=self.external_reference)


class ProductionOrderCancel(Record):
    """Cancel one production order for which no component has been taken yet."""

    external_reference: Text
    production_order_id: Text

    def lookup(self) -> ProductionOrderLookup:
        return ProductionOrderLookup(external_reference=self.external_reference)

    def concerns(self, document: "ProductionOrderDocument") -> bool:
        return self.production_order_id in document.ids

    def differences(self, document: "ProductionOrderDocument") -> tuple[Difference, ...]:
        return () if document.void else (Difference(field="state", asked="cancelled", found=document.state),)

    def expected(self) -> "ProductionOrderConfirmation":
        return ProductionOrderConfirmation(
            production_order_id=self.production_order_id, external_reference=self.external_reference
        )


class ProductionOrderConfirmation(Record):
    production_order_id: Text
    external_reference: Text

    @property
    def document_id(self) -> str:
        return self.production_order_id

    def compensation(self) -> ProductionOrderCancel:
        return ProductionOrderCancel(
            external_reference=self.external_reference, production_order_id=self.production_order_id
        )


class ProductionOrderDocument(Record):
    """A production order as it stands in the ERP's books; what a person left open there is None.

    ``draft_id``: what it was called before it was given its number, where the ERP numbers orders when it releases them.
    """

    production_order_id: Text
    external_reference: Text
    state: ProductionOrderState
    material: Text | None = None
    quantity: Number | None = None
    unit: Text | None = None
    site: str | None = None
    planned_on: date | None = None
    draft_id: str | None = None

    @property
    def document_id(self) -> str:
        return self.production_order_id

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id by which it is, or was, known."""
        return (self.production_order_id,) if self.draft_id is None else (self.production_order_id, self.draft_id)

    @property
    def void(self) -> bool:
        return self.state == "cancelled"

    def result(self) -> ProductionOrderConfirmation:
        return ProductionOrderConfirmation(
            production_order_id=self.production_order_id, external_reference=self.external_reference
        )


class ProductionOrdersFound(Record):
    """Every production order with the reference, oldest first, cancelled ones included."""

    documents: tuple[ProductionOrderDocument, ...] = ()


PRODUCTION_ORDER_FIND = Operation("production_order.find", ProductionOrderLookup, ProductionOrdersFound, effect="read")
PRODUCTION_ORDER_CREATE = Operation(
    "production_order.create",
    ProductionOrder,
    ProductionOrderConfirmation,
    effect="create",
    read_back="production_order.find",
    compensated_by="production_order.cancel",
)
PRODUCTION_ORDER_CANCEL = Operation(
    "production_order.cancel",
    ProductionOrderCancel,
    ProductionOrderConfirmation,
    effect="update",
    read_back="production_order.find",
)
