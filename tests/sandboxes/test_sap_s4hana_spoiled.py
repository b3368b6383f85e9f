"""What a faulty screen stores instead of what was entered, field by field."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from fixtures.sap_s4hana.sales_order import SalesOrder
from fixtures.sap_s4hana.spoiled import FIELDS
from tests.sap_pages import PASSWORD, USER, SapPages, sap_pages


@pytest.fixture
async def sap() -> AsyncIterator[SapPages]:
    async with sap_pages() as sap:
        yield sap


async def saved(sap: SapPages, fault: str) -> httpx.Response:
    """Save one order by the desktop client's own request, struck by this fault."""
    order = sap.order("REF-1", lines=1)
    line = order.lines[0]
    form = {
        "sold_to": order.sold_to_party,
        "reference": order.external_reference,
        "order_type": "OR",
        "sales_organization": "1710",
        "distribution_channel": "10",
        "division": "00",
        "requested_on": "2026-12-31",
        "currency": "GBP",
        "items": [
            {"item": "10", "material": line.material, "quantity": "2.5", "unit": "PC", "plant": "1710", "price": "1.15"}
        ],
    }
    async with httpx.AsyncClient(base_url=f"{sap.url}/gui/") as http:
        token = (await http.post("login", json={"username": USER, "password": PASSWORD})).json()["token"]
        sap.faults.add(fault)
        return await http.post("orders", json=form, headers={"authorization": f"Bearer {token}"})


def stored(sap: SapPages) -> dict[str, Any]:
    order: SalesOrder
    (order,) = sap.books.sales_orders()
    (item,) = order.items.values()
    head = {name: getattr(order, name) for name in ("sold_to", "reference", "requested_on", "currency")}
    body = {name: getattr(item, name) for name in ("material", "quantity", "unit", "plant", "price")}
    return {**head, "item": item.number, **body}


@pytest.mark.parametrize("field", FIELDS)
async def test_wrong_field_is_stored_otherwise_or_refused_and_the_others_as_entered(sap: SapPages, field: str) -> None:
    answer = await saved(sap, f"wrong_field:gui/write:x1:{field}")
    async with sap_pages() as sound:
        await saved(sound, "wrong_field:gui/write:x0")
        asked = stored(sound)
    if field in ("unit", "plant"):
        assert (answer.status_code, list(sap.books.sales_orders())) == (400, [])
    else:
        assert {name for name, value in stored(sap).items() if value != asked[name]} == {field}


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("truncated:gui/write:x1:3:reference", {"reference": "REF"}),
        ("rounded:gui/write:x1:quantity", {"quantity": 2}),
        ("rounded:gui/write:x1", {"price": 1}),
    ],
)
async def test_cut_and_rounded_fields_are_stored_so(sap: SapPages, fault: str, expected: dict[str, object]) -> None:
    await saved(sap, fault)
    assert expected.items() <= stored(sap).items()


async def test_swapped_fields_exchange_quantity_and_price(sap: SapPages) -> None:
    await saved(sap, "swapped:gui/write:x1")
    assert (str(stored(sap)["quantity"]), str(stored(sap)["price"])) == ("1.15", "2.5")
