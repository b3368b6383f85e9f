"""A delivery of a sales order between the domain's words and those of stock.shipment.out and stock.move."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from api_clients.tryton.api import Api
from api_clients.tryton.number import document_id
from api_clients.tryton.values import Row
from tandem.domain.shipment import ShipmentConfirmation, ShipmentDocument, ShipmentLine, ShipmentState

SHIPMENT, MOVE = "stock.shipment.out", "stock.move"
DONE = "done"
_SALE = "sale.sale"
_HEADER = ("number", "state", "planned_date", "effective_date", "outgoing_moves")
_LINES = ("product.code", "quantity", "unit.symbol", "state")
_OLDEST_FIRST = (("id", "ASC"),)
_STATES: Mapping[str, ShipmentState] = {
    "draft": "planned",
    "waiting": "planned",
    "assigned": "planned",
    "picked": "picked",
    "packed": "picked",
    "shipped": "picked",
    DONE: "delivered",
    "cancelled": "cancelled",
}
"""One that is shipped is on its way, and its goods are still in the books of the warehouse."""


async def of_order(client: Api, reference: str) -> list[Row]:
    """The deliveries of every order with the reference. Two calls."""
    sales = await client.search_read(_SALE, [["reference", "=", reference]], ["shipments"])
    ids = [id_ for sale in sales for id_ in sale["shipments"]]
    return await client.search_read(SHIPMENT, [["id", "in", ids]], _HEADER, order=_OLDEST_FIRST)


async def documents(client: Api, reference: str) -> tuple[ShipmentDocument, ...]:
    """The deliveries of every order with the reference, with what is to leave. Three calls."""
    shipments = await of_order(client, reference)
    ids = [id_ for shipment in shipments for id_ in shipment["outgoing_moves"]]
    moves = {row["id"]: row for row in await client.search_read(MOVE, [["id", "in", ids]], _LINES)}
    return tuple(_document(shipment, reference, moves) for shipment in shipments)


def confirmation(shipment: Row, reference: str) -> ShipmentConfirmation:
    """The confirmation of a delivery that is done."""
    return ShipmentConfirmation(
        shipment_id=document_id(shipment), external_reference=reference, delivered_on=shipment["effective_date"]
    )


def _document(shipment: Row, reference: str, moves: Mapping[int, Row]) -> ShipmentDocument:
    done = shipment["state"] == DONE
    return ShipmentDocument(
        shipment_id=document_id(shipment),
        external_reference=reference,
        state=_STATES[shipment["state"]],
        planned_on=shipment["planned_date"],
        delivered_on=shipment["effective_date"] if done else None,
        lines=tuple(_lines([moves[id_] for id_ in shipment["outgoing_moves"]])),
    )


def _lines(moves: Sequence[Row]) -> list[ShipmentLine]:
    return [
        ShipmentLine(
            material=move["product."]["code"],
            quantity=(quantity := Decimal(str(move["quantity"]))),
            delivered=quantity if move["state"] == DONE else Decimal(0),
            unit=move["unit."]["symbol"],
        )
        for move in moves
        if move["state"] != "cancelled"
    ]
