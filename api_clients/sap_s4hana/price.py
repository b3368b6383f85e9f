"""A net price as a pricing condition: a rate per so many units.

SAP keeps a rate with the decimals of its currency, so a finer price is given per 10, 100, 1,000 or 10,000 units:
0.125 EUR for one piece is 1.25 EUR per 10 pieces. ConditionQuantity has five digits.
"""

from decimal import Decimal

from api_clients.sap_s4hana.entity import Entity, expanded
from api_clients.sap_s4hana.values import edm_decimal, number

_DECIMALS = dict.fromkeys(("CLP", "ISK", "JPY", "KRW", "PYG", "UGX", "VND", "XAF", "XOF", "XPF"), 0) | dict.fromkeys(
    ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3
)
_UNITS_PER_RATE = (1, 10, 100, 1_000, 10_000)


def condition(condition_type: str, price: Decimal, currency: str, unit: str) -> Entity:
    """The pricing element that sets this price. Raises ValueError for a price finer than SAP can keep."""
    cent = Decimal(1).scaleb(-_DECIMALS.get(currency, 2))
    for units in _UNITS_PER_RATE:
        rate = price * units
        if rate == rate.quantize(cent):
            return {
                "ConditionType": condition_type,
                "ConditionRateValue": edm_decimal(rate.quantize(cent)),
                "ConditionCurrency": currency,
                "ConditionQuantity": str(units),
                "ConditionQuantityUnit": unit,
            }
    raise ValueError("more decimals than a price condition keeps")


def net_price(item: Entity, condition_type: str) -> Decimal:
    """The price per unit of an item in the books: its active condition of this type, else amount by quantity."""
    active = [
        element
        for element in expanded(item.get("to_PricingElement"))
        if element["ConditionType"] == condition_type and not element.get("ConditionInactiveReason")
    ]
    if active:
        return number(active[-1]["ConditionRateValue"]) / (number(active[-1]["ConditionQuantity"]) or 1)
    return number(item["NetAmount"]) / number(item["RequestedQuantity"])
