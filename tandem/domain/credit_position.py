"""What a customer may owe, and owes: asked before an order is taken or a contract signed."""

from decimal import Decimal

from pydantic import Field

from tandem.domain.operation import Operation
from tandem.domain.record import Number, Record, Text


class CreditPositionLookup(Record):
    business_partner_id: Text


class CreditPosition(Record):
    """``limit`` None: without limit. ``exposure``: open receivables and what is ordered and not yet invoiced."""

    business_partner_id: Text
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    limit: Number | None = None
    exposure: Number

    @property
    def available(self) -> Decimal | None:
        """What may still be ordered, below 0 when the limit is exceeded; None: without limit."""
        return None if self.limit is None else self.limit - self.exposure


CREDIT_POSITION_FIND = Operation("credit_position.find", CreditPositionLookup, CreditPosition, effect="read")
"""Raises BusinessPartnerUnknown when the ERP has no such customer."""
