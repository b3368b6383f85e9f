"""The ERP's customer."""

from tandem.domain.operation import Operation
from tandem.domain.record import PersonalText, Record, Text


class BusinessPartnerLookup(Record):
    business_partner_id: Text


class BusinessPartner(Record):
    """``blocked``: no new orders may be taken. ``currency``: the order currency, where the ERP fixes one."""

    business_partner_id: Text
    name: PersonalText = ""
    blocked: bool = False
    currency: str | None = None


BUSINESS_PARTNER_FIND = Operation("business_partner.find", BusinessPartnerLookup, BusinessPartner, effect="read")
"""Raises BusinessPartnerUnknown when the ERP has no such customer."""
