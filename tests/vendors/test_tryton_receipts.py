"""Tryton's API rungs for receipts against Tryton itself: its own rules, its own database."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from api_clients.tryton.operations import (
    credit_position_find,
    receipt_cancel,
    receipt_create,
    receipt_find,
    receipt_post,
    sales_order_confirm,
    sales_order_create,
)
from fixtures.tryton.real import credit_limit
from tandem.domain.credit_position import CreditPositionLookup
from tandem.domain.receipt import RECEIPT_CREATE, Receipt, ReceiptConfirmation, ReceiptLookup
from tandem.domain.sales_order import SalesOrder, SalesOrderLine
from tandem.errors import BusinessPartnerUnknown, DocumentNotFound, UnknownOutcome, ValidationFailed
from tests import invoices
from tests.tryton_server import Server, failing, performed, reached

_numbers = itertools.count(1)
TODAY = datetime.now(UTC).date()


class Tryton:
    """The running server, and what its tests ask of it."""

    def __init__(self, server: Server, customer: str, material: str) -> None:
        self.url, self.client, self.rows = server.url, server.client, server.rows
        self.customer, self._material = customer, material

    def receipt(self, **changes: object) -> Receipt:
        asked = Receipt(
            external_reference=f"PAID-{next(_numbers)}",
            business_partner_id=self.customer,
            amount=Decimal("25.50"),
            currency="GBP",
            received_on=TODAY,
        )
        return asked.model_copy(update=changes)

    async def invoiced(self, net: int) -> tuple[str, Decimal]:
        """Number and total of a posted invoice to the customer."""
        reference = f"SOLD-{next(_numbers)}"
        line = SalesOrderLine(
            line_number=1, material=self._material, quantity=Decimal(1), unit="u", net_price=Decimal(net)
        )
        order = SalesOrder(external_reference=reference, sold_to_party=self.customer, currency="GBP", lines=(line,))
        made = await sales_order_create(self.client, order)
        await sales_order_confirm(self.client, made.confirm())
        (sale,) = await self.client.search_read("sale.sale", [["reference", "=", reference]], ["invoices"])
        await self.client.call("account.invoice", "post", sale["invoices"])
        domain = [["id", "in", sale["invoices"]]]
        (invoice,) = await self.client.search_read("account.invoice", domain, ["number", "total_amount"])
        return invoice["number"], invoice["total_amount"]

    async def becomes(self, invoice: str, state: str) -> None:
        """Tryton looks a moment after a payment whether an invoice is paid."""
        for _ in range(100):
            if self.rows("SELECT state FROM account_invoice WHERE number = ?", invoice) == [(state,)]:
                return
            await asyncio.sleep(0.1)
        raise AssertionError(f"invoice {invoice} did not become {state}")

    async def posted(self, asked: Receipt) -> ReceiptConfirmation:
        made = await receipt_create(self.client, asked)
        return await receipt_post(self.client, made.post())

    async def exposure(self) -> Decimal:
        """Of the customer."""
        lookup = CreditPositionLookup(business_partner_id=self.customer)
        return (await credit_position_find(self.client, lookup)).exposure

    async def receipts(self, reference: str):
        return (await receipt_find(self.client, ReceiptLookup(external_reference=reference))).documents

    def lines(self, reference: str) -> list[tuple[Any, ...]]:
        """Of each line of the moves with this reference: state, is it the customer's account, whose, debit, credit."""
        return self.rows(
            "SELECT move.state, type.receivable, party.code, line.debit, line.credit FROM account_move move "
            "JOIN account_move_line line ON line.move = move.id "
            "JOIN account_account account ON account.id = line.account "
            "JOIN account_account_type type ON type.id = account.type "
            "LEFT JOIN party_party party ON party.id = line.party WHERE move.description = ? ORDER BY line.id",
            reference,
        )


@pytest.fixture
async def tryton(real_server) -> AsyncIterator[Tryton]:
    """With the last customer who may owe much: other tests take the first ones."""
    orders, data = invoices.sample()
    home = (each.number for each in reversed(data.customers) if each.country == "United Kingdom")
    customer = next(number for number in home if credit_limit(number) > 1000)
    async with reached(real_server("tryton", orders)) as server:
        yield Tryton(server, customer, max(data.stock, key=lambda code: data.stock[code]))


async def test_receipt_on_account_is_a_draft_until_it_is_posted_and_keeps_its_identity(tryton):
    asked = tryton.receipt()
    owed = await tryton.exposure()
    made = await receipt_create(tryton.client, asked)
    (draft,) = await tryton.receipts(asked.external_reference)
    assert asked.differences(draft) == ()
    assert (draft.draft, draft.receipt_id) == (True, made.receipt_id)
    posted = await receipt_post(tryton.client, made.post())
    (document,) = await tryton.receipts(asked.external_reference)
    assert asked.differences(document) == ()
    assert (document.draft, document.ids) == (False, (posted.receipt_id, made.receipt_id))
    assert tryton.lines(asked.external_reference) == [
        ("posted", 0, None, asked.amount, 0),
        ("posted", 1, tryton.customer, 0, asked.amount),
    ]
    assert await tryton.exposure() == owed - asked.amount


async def test_posting_again_changes_nothing(tryton):
    asked = tryton.receipt()
    posted = await tryton.posted(asked)
    assert await receipt_post(tryton.client, posted.post()) == posted
    assert len(tryton.lines(asked.external_reference)) == 2


async def test_receipt_that_settles_an_invoice_is_posted_at_once_and_the_invoice_paid(tryton):
    invoice, total = await tryton.invoiced(50)
    owed = await tryton.exposure()
    asked = tryton.receipt(amount=total, invoice=invoice)
    made = await receipt_create(tryton.client, asked)
    (document,) = await tryton.receipts(asked.external_reference)
    assert asked.differences(document) == ()
    assert (document.draft, document.receipt_id) == (False, made.receipt_id)
    assert sorted(tryton.lines(asked.external_reference), key=str) == [
        ("posted", 0, None, total, 0),
        ("posted", 1, tryton.customer, 0, total),
    ]
    assert await tryton.exposure() == owed - total
    await tryton.becomes(invoice, "paid")


@pytest.mark.parametrize("paid", [Decimal("10.01"), Decimal("99.99")], ids=["less than owed", "more than owed"])
async def test_receipt_of_another_amount_than_is_owed_stands_whole_on_the_customers_account(tryton, paid):
    invoice, total = await tryton.invoiced(50)
    owed = await tryton.exposure()
    asked = tryton.receipt(amount=paid, invoice=invoice)
    await receipt_create(tryton.client, asked)
    (document,) = await tryton.receipts(asked.external_reference)
    assert asked.differences(document) == ()
    assert await tryton.exposure() == owed - paid
    await tryton.becomes(invoice, "paid" if paid > total else "posted")


async def test_posted_receipt_is_reversed_and_cancelling_twice_changes_nothing(tryton):
    asked = tryton.receipt()
    owed = await tryton.exposure()
    posted = await tryton.posted(asked)
    for _ in range(2):
        await receipt_cancel(tryton.client, posted.compensation())
        (document,) = await tryton.receipts(asked.external_reference)
        assert document.void
    assert sorted(tryton.lines(asked.external_reference), key=str) == sorted(
        [
            ("posted", 0, None, asked.amount, 0),
            ("posted", 1, tryton.customer, 0, asked.amount),
            ("posted", 0, None, 0, asked.amount),
            ("posted", 1, tryton.customer, asked.amount, 0),
        ],
        key=str,
    )
    assert await tryton.exposure() == owed


async def test_draft_of_a_receipt_is_posted_and_reversed(tryton):
    asked = tryton.receipt()
    made = await receipt_create(tryton.client, asked)
    await receipt_cancel(tryton.client, made.compensation())
    (document,) = await tryton.receipts(asked.external_reference)
    assert document.void
    assert {state for state, *_ in tryton.lines(asked.external_reference)} == {"posted"}


@pytest.mark.parametrize(
    ("paid", "begun"),
    [(48, False), (48, True), (20, False)],
    ids=["of all that was owed", "broken off before", "of a part"],
)
async def test_invoice_is_open_again_when_its_receipt_is_cancelled(tryton, paid, begun):
    invoice, total = await tryton.invoiced(40)
    owed = await tryton.exposure()
    asked = tryton.receipt(amount=Decimal(paid), invoice=invoice)
    made = await receipt_create(tryton.client, asked)
    await tryton.becomes(invoice, "paid" if paid == total else "posted")
    if begun:
        domain = [["move.description", "=", asked.external_reference], ["reconciliation", "!=", None]]
        (matched,) = await tryton.client.search_read("account.move.line", domain, ["id"])
        await tryton.client.wizard("account.move.unreconcile_lines", "account.move.line", [matched["id"]], {})
    await receipt_cancel(tryton.client, made.compensation())
    (document,) = await tryton.receipts(asked.external_reference)
    assert document.void
    await tryton.becomes(invoice, "posted")
    assert await tryton.exposure() == owed


async def test_receipts_with_one_reference_are_all_found_oldest_first(tryton):
    asked = tryton.receipt()
    made = [await receipt_create(tryton.client, asked) for _ in range(2)]
    documents = await tryton.receipts(asked.external_reference)
    assert [document.receipt_id for document in documents] == [each.receipt_id for each in made]


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"business_partner_id": "NOBODY"}, BusinessPartnerUnknown),
        ({"currency": "USD"}, ValidationFailed),
        ({"invoice": "4711"}, ValidationFailed),
        ({"amount": Decimal("1.234")}, ValidationFailed),
        ({"received_on": date(2001, 1, 1)}, ValidationFailed),
    ],
)
async def test_receipt_tryton_refuses_is_a_business_error_and_nothing_is_written(tryton, changes, error):
    asked = tryton.receipt(**changes)
    with pytest.raises(error):
        await receipt_create(tryton.client, asked)
    assert tryton.lines(asked.external_reference) == []


async def test_receipt_that_is_not_there_is_not_found(tryton):
    gone = ReceiptConfirmation(receipt_id="#999999", external_reference="PAID-0")
    with pytest.raises(DocumentNotFound, match="no receipt #999999"):
        await receipt_cancel(tryton.client, gone.compensation())


@pytest.mark.parametrize(
    "marked", ['"model.account.move.create"', '"choice"', '"model.account.move.search_read"'], ids=str
)
async def test_lost_answer_to_a_receipt_is_unknown_and_the_receipt_is_found_once(tryton, marked):
    """Also that to the look-up after the wizard, which has booked by then."""
    invoice, total = await tryton.invoiced(30)
    settles = "create" not in marked
    asked = tryton.receipt(amount=total, invoice=invoice if settles else None)
    async with failing(tryton.url, marked) as client:
        with pytest.raises(UnknownOutcome):
            await receipt_create(client, asked)
    (document,) = await tryton.receipts(asked.external_reference)
    assert asked.differences(document) == ()


@pytest.mark.parametrize("marked", ['"model.account.move.post"', '"cancel", {'], ids=["post", "cancel"])
async def test_lost_answer_to_a_change_of_a_receipt_is_unknown_and_the_change_is_found(tryton, marked):
    asked = tryton.receipt()
    made = await receipt_create(tryton.client, asked)
    async with failing(tryton.url, marked) as client:
        change = receipt_post(client, made.post()) if "post" in marked else receipt_cancel(client, made.compensation())
        with pytest.raises(UnknownOutcome):
            await change
    (document,) = await tryton.receipts(asked.external_reference)
    assert (document.draft, document.cancelled) == (False, "cancel" in marked)


async def test_receipt_asked_for_by_two_tandems_stands_once(tryton, tmp_path):
    asked = tryton.receipt()
    first = await performed(tryton.url, tmp_path / "first.db", RECEIPT_CREATE, asked)
    assert await performed(tryton.url, tmp_path / "second.db", RECEIPT_CREATE, asked) == first
    (document,) = await tryton.receipts(asked.external_reference)
    assert document.receipt_id == first
