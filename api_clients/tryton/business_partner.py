"""Customers: Tryton's parties, by their code."""

from collections.abc import Sequence

from api_clients.tryton.api import Api
from api_clients.tryton.values import Row, related
from tandem.domain.business_partner import BusinessPartner
from tandem.domain.credit_position import CreditPosition
from tandem.errors import BusinessPartnerUnknown

_PARTY = "party.party"
_FIELDS = ("code", "name", "active", "customer_currency.code")
CREDIT = ("code", "currency.code", "credit_limit_amount", "credit_amount")


async def by_code(client: Api, code: str, fields: Sequence[str] = _FIELDS) -> Row:
    """The party; one that was deactivated too. Raises BusinessPartnerUnknown."""
    rows = await client.search_read(_PARTY, [["code", "=", code], ["active", "in", [True, False]]], fields)
    if not rows:
        raise BusinessPartnerUnknown(
            "{system} has no customer {customer}. Nothing was changed. Maintain the customer or correct the customer "
            "number, then retry.",
            system=client.http.system,
            customer=code,
        )
    return rows[0]


def business_partner(party: Row) -> BusinessPartner:
    """A party that was deactivated takes no orders. Without a currency of its own it may order in any."""
    return BusinessPartner(
        business_partner_id=party["code"],
        name=party["name"] or "",
        blocked=not party["active"],
        currency=related(party, "customer_currency", "code"),
    )


def credit_position(party: Row) -> CreditPosition:
    """In the company's currency, whatever the customer orders in."""
    return CreditPosition(
        business_partner_id=party["code"],
        currency=party["currency."]["code"],
        limit=party["credit_limit_amount"],
        exposure=party["credit_amount"],
    )
