"""An order on its way: found by what we call it, confirmed, and processed by Tryton a moment later."""

from collections.abc import Callable, Sequence

from api_clients.tryton import sales_order as orders
from api_clients.tryton.client import Client
from api_clients.tryton.number import by_id
from api_clients.tryton.values import Row
from tandem.domain.sales_order import SalesOrderCancel, SalesOrderConfirm
from tandem.errors import DocumentNotFound, ValidationFailed

_LOOK_S = 0.2


async def concerned(
    client: Client, order: str, reference: str, model: str = orders.SALE, fields: Sequence[str] = orders.HEADER
) -> Row:
    """The order by what we call it. Raises DocumentNotFound, ValidationFailed when it carries another reference."""
    with client.about(reference):
        found = await client.search_read(model, by_id(order), fields)
    if not found:
        raise DocumentNotFound(
            "{system} has no order {number}. Nothing was changed. Look whether it was deleted.",
            system=client.http.system,
            number=order,
        )
    if found[0]["reference"] != reference:
        raise ValidationFailed(
            "Order {number} of {system} does not carry the reference {reference}. Nothing was changed. "
            "Look for the right order by its reference, then use that one.",
            system=client.http.system,
            number=order,
            reference=reference,
        )
    return found[0]


async def confirm(client: Client, sale: int, state: str) -> None:
    """Quote and confirm, whichever is left to do."""
    if state == "draft":
        await client.press(orders.SALE, "quote", sale)
    if state in orders.DRAFT:
        await client.press(orders.SALE, "confirm", sale)


async def comes(client: Client, request: SalesOrderConfirm | SalesOrderCancel, is_so: Callable[[Row], bool]) -> bool:
    """Whether the order is found so within the time that Tryton is given for what it does after its answer."""
    if client.settings.processing_s is None:
        return True
    deadline = client.http.clock.monotonic_s() + client.settings.processing_s
    while not is_so(await concerned(client, request.sales_order_id, request.external_reference)):
        if client.http.clock.monotonic_s() >= deadline:
            return False
        await client.http.clock.sleep(_LOOK_S)
    return True
