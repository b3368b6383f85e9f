"""The business under simulation: an order with its reservation in the ERP, its posting, and its status in the CRM."""

from typing import Any

from tandem.domain.operation import Difference, Operation
from tandem.domain.record import Record


class Lookup(Record):
    external_reference: str


class Undo(Record):
    """Make void the paper of that number."""

    external_reference: str
    document_id: str

    def lookup(self) -> Lookup:
        return Lookup(external_reference=self.external_reference)

    def differences(self, document: "Paper") -> tuple[Difference, ...]:
        if document.document_id != self.document_id or document.void:
            return ()
        return (Difference(field="void", asked="yes", found="no"),)

    def expected(self) -> "Made":
        return Made(document_id=self.document_id, external_reference=self.external_reference)


class Made(Record):
    document_id: str
    external_reference: str

    def compensation(self) -> Undo:
        return Undo(external_reference=self.external_reference, document_id=self.document_id)


class Asked(Record):
    """A paper to be made, or, of a status, the amount to be set."""

    external_reference: str
    amount: int

    def lookup(self) -> Lookup:
        return Lookup(external_reference=self.external_reference)

    def differences(self, document: "Paper") -> tuple[Difference, ...]:
        if document.asked.amount == self.amount:
            return ()
        return (Difference(field="amount", asked=str(self.amount), found=str(document.asked.amount)),)

    def expected(self) -> Made:
        return Made(document_id="?", external_reference=self.external_reference)


class Paper(Record):
    """A document in a vendor's books."""

    document_id: str
    asked: Asked
    void: bool = False

    def result(self) -> Made:
        return Made(document_id=self.document_id, external_reference=self.asked.external_reference)


class Papers(Record):
    documents: tuple[Paper, ...] = ()


def _kept(kind: str) -> "tuple[Operation[Any, Any], Operation[Any, Any], Operation[Any, Any]]":
    return (
        Operation(
            f"{kind}.create", Asked, Made, effect="create", read_back=f"{kind}.find", compensated_by=f"{kind}.void"
        ),
        Operation(f"{kind}.find", Lookup, Papers, effect="read"),
        Operation(f"{kind}.void", Undo, Made, effect="update", read_back=f"{kind}.find"),
    )


ORDER_CREATE, ORDER_FIND, ORDER_VOID = _kept("sim_order")
RESERVATION_CREATE, RESERVATION_FIND, RESERVATION_VOID = _kept("sim_reservation")
POSTING_CREATE = Operation("sim_posting.create", Asked, Made, effect="create", compensated_by="sim_posting.void")
POSTING_VOID = Operation("sim_posting.void", Undo, Made, effect="update")
"""A posting can be made and reversed, and nobody can look it up."""
STATUS_FIND = Operation("sim_status.find", Lookup, Papers, effect="read")
STATUS_SET = Operation("sim_status.set", Asked, Made, effect="update", read_back="sim_status.find")

GOODS = ("sim_order", "sim_reservation", "sim_posting")
"""The kinds of documents that a saga makes, and undoes."""

OPERATIONS = {
    operation.name: operation
    for operation in (
        ORDER_CREATE, ORDER_FIND, ORDER_VOID, RESERVATION_CREATE, RESERVATION_FIND, RESERVATION_VOID,
        POSTING_CREATE, POSTING_VOID, STATUS_FIND, STATUS_SET,
    )
}  # fmt: skip


class Item(Record):
    """One version of a source document. ``short``: the bot refuses it once everything is written."""

    key: str
    reference: str
    version: int
    amount: int
    short: bool = False

    @property
    def business_key(self) -> str:
        return self.key
