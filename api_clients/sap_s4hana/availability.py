"""Available-to-promise between the domain's words and those of API_PRODUCT_AVAILY_INFO_BASIC.

``DetermineAvailabilityAt`` is asked: how much is there at an instant. ``DetermineAvailabilityOf`` answers the other
question, when a given quantity will be there.
"""

from datetime import UTC, date, datetime, time
from decimal import Decimal

from api_clients.sap_s4hana.entity import Entity
from api_clients.sap_s4hana.literals import function
from api_clients.sap_s4hana.settings import Settings
from api_clients.sap_s4hana.values import number
from tandem.domain.stock import Availability, Demand

UNLIMITED = Decimal(10**9)
"""From here on a quantity means "not checked". The far end date says nothing: the last period always has one."""


def at_instant(requested_on: date | None, now: datetime) -> datetime:
    """Noon UTC of the day: within that day in the time zone of every plant. None: now."""
    return now if requested_on is None else datetime.combine(requested_on, time(12), UTC)


def determine(demand: Demand, at: datetime, settings: Settings) -> str:
    """The function call that tells how much of the material is available at that instant."""
    return function(
        "DetermineAvailabilityAt",
        ATPCheckingRule=settings.checking_rule,
        Material=demand.material,
        SupplyingPlant=demand.site or settings.plant,
        RequestedUTCDateTime=at,
    )


def availability(demand: Demand, record: Entity) -> Availability:
    quantity = number(record["AvailableQuantityInBaseUnit"])
    return Availability(
        material=demand.material,
        site=demand.site,
        requested=demand.quantity,
        available=None if quantity >= UNLIMITED else quantity,
    )
