"""Deliveries of a sales order: what is to leave the house, what has left it, and the goods issue that lets it leave."""

from datetime import date
from typing import Literal

from tandem.domain.operation import Difference, Operation
from tandem.domain.record import Number, Record, Text

ShipmentState = Literal["planned", "picked", "delivered", "cancelled"]
"""``picked``: taken from the shelves, and not booked out yet; ``delivered``: booked out, the goods have left."""


class ShipmentLine(Record):
    """``delivered``: how much of the quantity has left the house."""

    material: Text
    quantity: Number
    delivered: Number
    unit: Text


class ShipmentLookup(Record):
    """By the external reference of the sales order."""

    external_reference: Text


class ShipmentDeliver(Record):
    """Let the goods of one delivery leave the house: picked, packed, booked out. It cannot be taken back.

    Raises StockShort, with nothing delivered, when the goods are not there.
    """

    external_reference: Text
    shipment_id: Text

    def lookup(self) -> ShipmentLookup:
        return ShipmentLookup(external_reference=self.external_reference)

    def concerns(self, document: "ShipmentDocument") -> bool:
        return document.shipment_id == self.shipment_id

    def differences(self, document: "ShipmentDocument") -> tuple[Difference, ...]:
        if document.state == "delivered":
            return ()
        return (Difference(field="state", asked="delivered", found=document.state),)

    def expected(self) -> "ShipmentConfirmation":
        return ShipmentConfirmation(shipment_id=self.shipment_id, external_reference=self.external_reference)


class ShipmentConfirmation(Record):
    """``delivered_on``: the day the goods left."""

    shipment_id: Text
    external_reference: Text
    delivered_on: date | None = None


class ShipmentDocument(Record):
    """A delivery as it stands in the ERP's books; a cancelled one has no lines."""

    shipment_id: Text
    external_reference: Text
    state: ShipmentState
    planned_on: date | None = None
    delivered_on: date | None = None
    lines: tuple[ShipmentLine, ...] = ()

    @property
    def document_id(self) -> str:
        return self.shipment_id

    @property
    def void(self) -> bool:
        return self.state == "cancelled"

    def result(self) -> ShipmentConfirmation:
        return ShipmentConfirmation(
            shipment_id=self.shipment_id,
            external_reference=self.external_reference,
            delivered_on=self.delivered_on,
        )

    def deliver(self) -> ShipmentDeliver:
        return ShipmentDeliver(external_reference=self.external_reference, shipment_id=self.shipment_id)


class ShipmentsFound(Record):
    """Every delivery of the order, oldest first, cancelled ones included; an order may have several."""

    documents: tuple[ShipmentDocument, ...] = ()


SHIPMENT_FIND = Operation("shipment.find", ShipmentLookup, ShipmentsFound, effect="read")
SHIPMENT_DELIVER = Operation(
    "shipment.deliver", ShipmentDeliver, ShipmentConfirmation, effect="update", read_back="shipment.find"
)
