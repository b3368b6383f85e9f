"""Receipts: payments received from customers, as the ERP's accounts show them."""

from collections.abc import Iterator
from datetime import date

from pydantic import Field

from tandem.domain.operation import Difference, Operation, unequal
from tandem.domain.record import Number, Record, Text


class ReceiptLookup(Record):
    external_reference: Text


class Receipt(Record):
    """A payment received from a customer. ``external_reference`` is its identity in every system.

    ``invoice``: the number of the customer's invoice that it settles, in whole or in part; None: it stands on the
    customer's account until somebody matches it.
    """

    external_reference: Text = Field(max_length=35)
    business_partner_id: Text
    amount: Number = Field(gt=0)
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    received_on: date
    invoice: Text | None = None

    def lookup(self) -> ReceiptLookup:
        return ReceiptLookup(external_reference=self.external_reference)

    def differences(self, document: "ReceiptDocument") -> tuple[Difference, ...]:
        return tuple(_differences(self, document))

    def expected(self) -> "ReceiptConfirmation":
        return ReceiptConfirmation(receipt_id="?", external_reference=self.external_reference)


class _ReceiptChange(Record):
    """A change of one receipt that stands already."""

    external_reference: Text
    receipt_id: Text

    def lookup(self) -> ReceiptLookup:
        return ReceiptLookup(external_reference=self.external_reference)

    def concerns(self, document: "ReceiptDocument") -> bool:
        return self.receipt_id in document.ids

    def expected(self) -> "ReceiptConfirmation":
        return ReceiptConfirmation(receipt_id=self.receipt_id, external_reference=self.external_reference)


class ReceiptPost(_ReceiptChange):
    """Post a receipt, in an ERP that keeps it as a draft until then."""

    def differences(self, document: "ReceiptDocument") -> tuple[Difference, ...]:
        if document.cancelled:
            return (Difference(field="posted", asked="yes", found="cancelled"),)
        return (Difference(field="posted", asked="yes", found="no"),) if document.draft else ()


class ReceiptCancel(_ReceiptChange):
    """Take a receipt back: what is posted is reversed, and an invoice that it settled is open again."""

    def differences(self, document: "ReceiptDocument") -> tuple[Difference, ...]:
        return () if document.cancelled else (Difference(field="cancelled", asked="yes", found="no"),)


class ReceiptConfirmation(Record):
    receipt_id: Text
    external_reference: Text

    @property
    def document_id(self) -> str:
        return self.receipt_id

    def compensation(self) -> ReceiptCancel:
        return ReceiptCancel(external_reference=self.external_reference, receipt_id=self.receipt_id)

    def post(self) -> ReceiptPost:
        return ReceiptPost(external_reference=self.external_reference, receipt_id=self.receipt_id)


class ReceiptDocument(Record):
    """A receipt as it stands in the ERP's books.

    ``draft``: it is not posted yet. ``draft_id``: what it was called before it was given its number, where the ERP
    numbers receipts only when they are posted.
    """

    receipt_id: Text
    external_reference: Text
    business_partner_id: Text
    amount: Number
    currency: Text
    received_on: date
    invoice: str | None = None
    cancelled: bool = False
    draft: bool = False
    draft_id: str | None = None

    @property
    def document_id(self) -> str:
        return self.receipt_id

    @property
    def ids(self) -> tuple[str, ...]:
        """Every id by which it is, or was, known."""
        return (self.receipt_id,) if self.draft_id is None else (self.receipt_id, self.draft_id)

    @property
    def void(self) -> bool:
        return self.cancelled

    def result(self) -> ReceiptConfirmation:
        return ReceiptConfirmation(receipt_id=self.receipt_id, external_reference=self.external_reference)


class ReceiptsFound(Record):
    documents: tuple[ReceiptDocument, ...] = ()


def _differences(asked: Receipt, found: ReceiptDocument) -> Iterator[Difference]:
    yield from unequal(asked, found, ("business_partner_id", "amount", "currency", "received_on"))
    if asked.invoice is not None:
        yield from unequal(asked, found, ("invoice",))


RECEIPT_FIND = Operation("receipt.find", ReceiptLookup, ReceiptsFound, effect="read")
RECEIPT_CREATE = Operation(
    "receipt.create",
    Receipt,
    ReceiptConfirmation,
    effect="create",
    read_back="receipt.find",
    compensated_by="receipt.cancel",
)
RECEIPT_POST = Operation("receipt.post", ReceiptPost, ReceiptConfirmation, effect="update", read_back="receipt.find")
RECEIPT_CANCEL = Operation(
    "receipt.cancel", ReceiptCancel, ReceiptConfirmation, effect="update", read_back="receipt.find"
)
