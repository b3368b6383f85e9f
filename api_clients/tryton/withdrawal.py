"""An order taken back after it was processed, as a clerk does it: Tryton cancels drafts only.

The deliveries and invoices that were planned are cancelled, and a wizard asks of each whether to make it again: no. The
order then is done, with nothing delivered and nothing invoiced. What is done already is left; so it may be begun again
wherever it broke off.
"""

from collections.abc import Sequence
from functools import partial

from api_clients.tryton.api import Api
from api_clients.tryton.values import Row
from tandem.errors import ValidationFailed

_SALE, _SHIPMENT, _INVOICE = "sale.sale", "stock.shipment.out", "account.invoice"
_GONE = "cancelled"
_PLANNED = {_SHIPMENT: ("draft", "waiting", "assigned"), _INVOICE: ("draft", "validated")}
"""States of what has touched neither goods nor accounts."""

_WIZARDS = (("sale.handle.shipment.exception", "moves"), ("sale.handle.invoice.exception", "invoices"))


async def withdraw(client: Api, sale: Row) -> None:
    """All but the last step, which Tryton does a moment later: it looks whether anything is left to be done.

    Raises, before anything is changed, ValidationFailed when goods are picked or an invoice is posted, and NotOffered.
    """
    client.require_screens()
    (made,) = await client.search_read(_SALE, [["id", "=", sale["id"]]], ["shipments", "invoices"])
    planned = {
        _SHIPMENT: await _planned(client, _SHIPMENT, made["shipments"], sale["reference"]),
        _INVOICE: await _planned(client, _INVOICE, made["invoices"], sale["reference"]),
    }
    for model, ids in planned.items():
        if ids:
            await client.call(model, "cancel", ids)
    for wizard, what in _WIZARDS:
        await client.wizard(wizard, _SALE, [sale["id"]], {"ask": (partial(_none_again, what), "handle")})


async def _planned(client: Api, model: str, ids: Sequence[int], reference: str) -> list[int]:
    """Those that can be cancelled and are not yet."""
    rows = await client.search_read(model, [["id", "in", ids]], ["number", "state"])
    for row in rows:
        if row["state"] not in (*_PLANNED[model], _GONE):
            raise ValidationFailed(
                "Order {reference} cannot be cancelled in {system}: {document} {number} is {state}. Nothing was "
                "changed. Have the goods returned or the invoice credited there, then resolve this by hand.",
                reference=reference,
                system=client.http.system,
                document=model,
                number=row["number"] or row["id"],
                state=row["state"],
            )
    return [row["id"] for row in rows if row["state"] != _GONE]


def _none_again(what: str, shown: Row) -> Row:
    asked = shown[f"domain_{what}"]
    return {f"domain_{what}": asked, f"ignore_{what}": asked, f"recreate_{what}": []}
