"""A refusal of SAP's means the same whether a web screen or the desktop client, which adds its number, shows it."""

import re
from typing import Any

import pytest

from fixtures.sap_s4hana.messages import SapMessage
from tandem.channels.library import Screens
from tests.sap_pages import ROOT

FOLDERS = [ROOT / "selectors" / "sap_s4hana"]
WEB, DESKTOP = Screens(FOLDERS, "browser").screen("messages"), Screens(FOLDERS, "desktop").screen("shell")
REFUSALS = {
    "material_unknown": "material_unknown",
    "customer_unknown": "business_partner_unknown",
    "customer_blocked": "business_partner_blocked",
    "sales_area_unknown": "validation_failed",
    "order_type_unknown": "validation_failed",
    "unit_unknown": "validation_failed",
    "plant_unknown": "validation_failed",
    "quantity_missing": "validation_failed",
    "items_missing": "validation_failed",
    "field_missing": "validation_failed",
    "exchange_rate_missing": "validation_failed",
    "currency_unknown": "validation_failed",
    "not_authorized": "access_refused",
    "order_unknown": "document_not_found",
    "order_locked": "document_locked",
    "reference_taken": "duplicate_reference",
    "credit_warning": "credit_blocked",
}


def meaning(screen: Any, text: str) -> str | None:
    meanings = screen.messages["message_box"].meanings
    return next((each.error for each in meanings if re.search(each.pattern, text)), None)


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("name", REFUSALS)
def test_refusal_means_the_same_on_both_screens(name: str, language: str) -> None:
    said = SapMessage(name, ("4711", "4712", "10", "EN"))
    assert meaning(WEB, said.text(language)) == REFUSALS[name]
    assert meaning(DESKTOP, f"{said.text(language)} [{said.code}]") == REFUSALS[name]
