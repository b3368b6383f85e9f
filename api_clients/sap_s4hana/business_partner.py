"""A customer between the domain's words and those of API_BUSINESS_PARTNER."""

from api_clients.sap_s4hana.entity import Entity, expanded
from api_clients.sap_s4hana.literals import equal, query
from api_clients.sap_s4hana.settings import Settings
from api_clients.sap_s4hana.values import bare
from tandem.domain.business_partner import BusinessPartner

_AREA_KEYS = ("SalesOrganization", "DistributionChannel", "Division")
_FIELDS = (
    "Customer",
    "BusinessPartnerName",
    "BusinessPartnerIsBlocked",
    "IsMarkedForArchiving",
    "to_Customer/OrderIsBlockedForCustomer",
    "to_Customer/DeletionIndicator",
    *(f"to_Customer/to_CustomerSalesArea/{name}" for name in _AREA_KEYS),
    "to_Customer/to_CustomerSalesArea/Currency",
    "to_Customer/to_CustomerSalesArea/OrderIsBlockedForCustomer",
    "to_Customer/to_CustomerSalesArea/DeletionIndicator",
)


def by_customer(customer: str) -> str:
    """The query for one customer with all that can block its orders, in one call.

    It asks for the customer, not for the business partner: the two numbers may differ.
    """
    return query(
        "A_BusinessPartner",
        filter=equal("Customer", bare(customer)),
        expand="to_Customer,to_Customer/to_CustomerSalesArea",
        select=",".join(_FIELDS),
    )


def sales_area(partner: Entity, settings: Settings) -> Entity | None:
    """The customer's data in our sales area; None when it is not maintained there."""
    ours = (settings.sales_organization, settings.distribution_channel, settings.division)
    areas = expanded((partner.get("to_Customer") or {}).get("to_CustomerSalesArea"))
    return next((area for area in areas if tuple(area[key] for key in _AREA_KEYS) == ours), None)


def business_partner(partner: Entity, area: Entity) -> BusinessPartner:
    """Blocked when a block or a deletion mark stands on the partner, the customer or the sales area."""
    customer = partner["to_Customer"]
    marks = (
        partner["BusinessPartnerIsBlocked"],
        partner["IsMarkedForArchiving"],
        *(holder[mark] for holder in (customer, area) for mark in ("OrderIsBlockedForCustomer", "DeletionIndicator")),
    )
    return BusinessPartner(
        business_partner_id=bare(partner["Customer"]),
        name=partner["BusinessPartnerName"] or "",
        blocked=any(marks),
        currency=area["Currency"] or None,
    )
