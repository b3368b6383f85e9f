"""A customer's payment received: a move of accounts, from the bank's to the customer's.

The reference stands in the move's description, which is not unique in Tryton. A posted move stays for good: it is
reversed by another one, which names it as its origin.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from api_clients.tryton import business_partner as partners
from api_clients.tryton import form
from api_clients.tryton.api import Api, Fill
from api_clients.tryton.fault import Refused
from api_clients.tryton.number import document_id, draft_id
from api_clients.tryton.refusal import missing
from api_clients.tryton.values import Row, related
from tandem.domain.receipt import Receipt, ReceiptCancel, ReceiptConfirmation, ReceiptDocument, ReceiptPost
from tandem.errors import TandemError, ValidationFailed
from tandem.http.together import together
from tandem.text import phrase

MOVE = "account.move"
_LINE, _INVOICE, _METHOD = "account.move.line", "account.invoice", "account.invoice.payment.method"
_PARTY = ("currency.code",)
_HEADER = ("number", "date", "description", "state", "origin")
_LINES = (
    "move",
    "debit",
    "credit",
    "party.code",
    "account.type.receivable",
    "currency.code",
    "second_currency.code",
    "amount_second_currency",
    "reconciliation",
)
_PLACEHOLDER = "(none)"
_OF_AN_OPEN_INVOICE = ".cancel_invoice_move"
"""A warning that is meant for the move of the invoice itself: matched with its reversal, the invoice counts as paid."""


@dataclass(frozen=True)
class Booked:
    """A receipt in Tryton's books. ``lines``: those on the customer's account. ``is_reversed``: by another move."""

    move: Row
    lines: Sequence[Row]
    invoice: str | None
    is_reversed: bool

    @property
    def is_draft(self) -> bool:
        return bool(self.move["state"] == "draft")

    def document(self) -> ReceiptDocument:
        """A move without a customer's line is shown as one of nobody, over 0."""
        first = self.lines[0] if self.lines else None
        return ReceiptDocument(
            receipt_id=document_id(self.move),
            external_reference=self.move["description"],
            business_partner_id=(related(first, "party", "code") if first else None) or _PLACEHOLDER,
            amount=sum((_amount(line) for line in self.lines), Decimal(0)),
            currency=_currency(first) if first else _PLACEHOLDER,
            received_on=self.move["date"],
            invoice=self.invoice,
            cancelled=self.is_reversed,
            draft=self.is_draft,
            draft_id=draft_id(self.move) if self.move["number"] else None,
        )


async def booked(client: Api, reference: str) -> list[Booked]:
    """The receipts with this reference, oldest first; the moves that reverse them are none."""
    domain = ["OR", ["description", "=", reference], ["origin.description", "=", reference, MOVE]]
    moves = await client.search_read(MOVE, domain, _HEADER, order=[["id", "ASC"]])
    origins = {move["origin"] for move in moves}
    own = [move for move in moves if not _is_of(MOVE, move["origin"])]
    lines = await client.search_read(_LINE, [["move", "in", [move["id"] for move in own]]], _LINES)
    invoices = await _invoice_numbers(client, own)
    return [
        Booked(
            move=move,
            lines=[line for line in lines if line["move"] == move["id"] and line["account."]["type."]["receivable"]],
            invoice=invoices.get(move["origin"]),
            is_reversed=f"{MOVE},{move['id']}" in origins,
        )
        for move in own
    ]


async def concerned(client: Api, request: ReceiptPost | ReceiptCancel) -> Booked:
    """The receipt that the request is about. Raises DocumentNotFound."""
    for receipt in await booked(client, request.external_reference):
        if request.concerns(receipt.document()):
            return receipt
    raise missing(client.http.system, phrase("receipt"), request.receipt_id, request.external_reference)


async def open_invoice(client: Api, receipt: Receipt) -> Row:
    """The invoice that is settled. Raises ValidationFailed when there is no such one, or in another currency."""
    domain = [
        ["number", "=", receipt.invoice],
        ["type", "=", "out"],
        ["party.code", "=", receipt.business_partner_id],
        ["state", "=", "posted"],
    ]
    rows = await client.search_read(_INVOICE, domain, ["party", "currency.code"])
    if len(rows) != 1:
        raise ValidationFailed(
            "{system} has {count} open invoices {invoice} of customer {customer}; one is needed. Nothing was changed. "
            "Correct the number, or leave it out so that the receipt stands on the customer's account, then retry.",
            system=client.http.system,
            count=len(rows),
            invoice=receipt.invoice,
            customer=receipt.business_partner_id,
        )
    _refuse_other_currency(client, receipt, related(rows[0], "currency", "code"))
    return rows[0]


async def draft(client: Api, receipt: Receipt, method: int) -> Row:
    """The move to create, which counts on the customer's account as soon as it is there.

    Raises BusinessPartnerUnknown; ValidationFailed when the company keeps its accounts in another currency.
    """
    party, header, (booking,) = await together(
        partners.by_code(client, receipt.business_partner_id, _PARTY),
        form.new_move(client, receipt.received_on),
        client.search_read(_METHOD, [["id", "=", method]], ["journal", "debit_account"]),
    )
    _refuse_other_currency(client, receipt, related(party, "currency", "code"))
    bank = {"account": booking["debit_account"], "debit": receipt.amount, "credit": Decimal(0)}
    customer = {"account": await form.receivable(client, party["id"]), "party": party["id"]}
    return {
        **header,
        "journal": booking["journal"],
        "description": receipt.external_reference,
        "lines": [["create", [bank, {**customer, "debit": Decimal(0), "credit": receipt.amount}]]],
    }


async def settle(client: Api, receipt: Receipt, invoice: Row, method: int) -> ReceiptConfirmation:
    """Pay the invoice as a clerk does: the wizard's last button posts the move and matches it, all in one.

    What is less than owed is a part payment, and what is more stands on the customer's account. The wizard does not say
    what it has booked, so that is looked up; raises UnknownOutcome when it cannot be.
    """
    payment: Row = {
        "payee": invoice["party"],
        "amount": receipt.amount,
        "date": receipt.received_on,
        "description": receipt.external_reference,
        "payment_method": method,
    }
    forms: dict[str, tuple[Fill, str]] = {
        "start": (lambda shown: {**shown, **payment}, "choice"),
        "ask": (dict, "pay"),
    }
    await client.wizard("account.invoice.pay", _INVOICE, [invoice["id"]], forms)
    try:
        found = [each for each in await booked(client, receipt.external_reference) if not each.is_reversed]
    except (TandemError, Refused):
        found = []
    if not found:
        raise client.unbelievable("account.invoice.pay.execute", safe=False)
    return found[-1].document().result()


async def post(client: Api, receipt: Booked) -> None:
    """Leaves one that is posted as it is."""
    if receipt.is_draft:
        await client.press(MOVE, "post", receipt.move["id"])


async def reverse(client: Api, receipt: Booked) -> None:
    """Take the receipt off what it settled, then reverse it. May be begun again wherever it broke off."""
    matched = [line["id"] for line in receipt.lines if line["reconciliation"] is not None]
    if matched:
        await client.wizard("account.move.unreconcile_lines", _LINE, matched, {})
    try:
        await _cancel(client, receipt)
    except Refused as refused:
        if not refused.fault.name.endswith(_OF_AN_OPEN_INVOICE):
            raise
        await client.call("res.user.warning", "skip", refused.fault.name)
        await _cancel(client, receipt)


async def _cancel(client: Api, receipt: Booked) -> None:
    await client.wizard("account.move.cancel", MOVE, [receipt.move["id"]], {"default": (dict, "cancel")})


def confirmation(receipt: Receipt, id_: int) -> ReceiptConfirmation:
    """Of a draft, which has no number yet."""
    return ReceiptConfirmation(receipt_id=draft_id({"id": id_}), external_reference=receipt.external_reference)


def _refuse_other_currency(client: Api, receipt: Receipt, currency: str) -> None:
    if receipt.currency != currency:
        raise ValidationFailed(
            "Receipt {reference} is in {currency}, and {system} takes it in {needed} only. Nothing was changed. Enter "
            "it there by hand, or correct the currency, then retry.",
            reference=receipt.external_reference,
            currency=receipt.currency,
            system=client.http.system,
            needed=currency,
        )


async def _invoice_numbers(client: Api, moves: Sequence[Row]) -> dict[Any, str]:
    """The number of each invoice that is the origin of one of the moves."""
    ids = [int(move["origin"].partition(",")[2]) for move in moves if _is_of(_INVOICE, move["origin"])]
    rows = await client.search_read(_INVOICE, [["id", "in", ids]], ["number"]) if ids else []
    return {f"{_INVOICE},{row['id']}": row["number"] for row in rows}


def _is_of(model: str, origin: str | None) -> bool:
    return origin is not None and origin.startswith(f"{model},")


def _amount(line: Row) -> Decimal:
    """What the line takes off the customer's debt, in the currency of the receipt."""
    if line["second_currency."] is not None:
        return -Decimal(line["amount_second_currency"])
    return Decimal(line["credit"] - line["debit"])


def _currency(line: Row) -> str:
    return str(related(line, "second_currency", "code") or related(line, "currency", "code"))
