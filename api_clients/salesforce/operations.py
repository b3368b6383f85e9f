"""The API rung of every operation on Salesforce: one function each, named like the operation."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from api_clients.salesforce import crm_order as orders
from api_clients.salesforce.client import Client as SalesforceClient
from api_clients.salesforce.composite import Change
from api_clients.salesforce.fault import Refused
from api_clients.salesforce.record_id import is_id_of
from api_clients.salesforce.refusal import refusals
from api_clients.salesforce.settings import Settings
from api_clients.salesforce.soql import instant_literal, select
from tandem.domain.changes import OrderChanges, OrdersChanged
from tandem.domain.crm_order import (
    CrmOrder,
    CrmOrderRead,
    CrmOrderStatus,
    CrmOrderStatusesFound,
    CrmOrderStatusLookup,
    CrmOrderStatusWritten,
)
from tandem.errors import DocumentNotFound, NotOffered, Unavailable, ValidationFailed
from tandem.http.port import HttpPort

__all__ = [
    "Client",
    "Settings",
    "connect",
    "sales_order_changed",
    "sales_order_read",
    "sales_order_set_status",
    "sales_order_status",
]

_BACK = timedelta(days=29)
"""getUpdated reaches back 30 days."""
_SHORTEST = timedelta(minutes=2)
"""getUpdated takes whole minutes, and wants more than one."""


class Client(SalesforceClient):
    """A connected org and its settings."""

    def __init__(self, http: HttpPort, settings: Settings) -> None:
        super().__init__(http, api_version=settings.api_version)
        self.settings = settings

    @contextmanager
    def reading(self, subject: str) -> Iterator[None]:
        """Failures of the block in the domain's words, named after what was asked for."""
        try:
            with refusals(self.http.system, subject):
                yield
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise Unavailable(
                "{system} answered about {subject} with values that make no sense. Nothing was changed.",
                system=self.http.system,
                subject=subject,
            ) from error


def connect(http: HttpPort, settings: Settings) -> Client:
    """The client of one org; nothing is sent yet."""
    return Client(http, settings)


async def sales_order_read(client: Client, request: CrmOrderRead) -> CrmOrder:
    """One call for order, account and items, and one for every 2,000 items more.

    ``request.order`` is an id, an order number or a PO number. Raises DocumentNotFound; ValidationFailed when several
    orders have the number.
    """
    with client.reading(request.order):
        found = await client.query(orders.order_query(request.order, client.settings))
        found = [record for record in found if record["OrderNumber"] == request.order] or found
        if len(found) == 1:
            return orders.order(found[0], client.settings)
    if not found:
        raise DocumentNotFound(
            "{system} has no order {order}. Nothing was changed. Look whether it was deleted, or is not shared with "
            "the user of the API.",
            system=client.http.system,
            order=request.order,
        )
    raise ValidationFailed(
        "{system} has {count} orders with the number {order}. Nothing was changed. Name one of them by its id: {ids}.",
        system=client.http.system,
        count=len(found),
        order=request.order,
        ids=", ".join(record["Id"] for record in found[:5]),
    )


async def sales_order_changed(client: Client, request: OrdersChanged) -> OrderChanges:
    """Two changes of one order name it once; an order that changed in the minute of the watermark comes again.

    One call; further back than getUpdated reaches, the orders are queried by their time of change as well.
    """
    now = client.http.clock.now()
    earliest = now - _BACK
    since = request.since or earliest
    with client.reading("the changed orders"):
        long_ago = await _changed_between(client, since, earliest) if since < earliest else []
        start = min(max(since, earliest), now - _SHORTEST)
        recent = await client.updated("Order", start, now)
    return OrderChanges(order_ids=tuple(dict.fromkeys([*long_ago, *recent.record_ids])), watermark=recent.covered_until)


async def sales_order_status(client: Client, request: CrmOrderStatusLookup) -> CrmOrderStatusesFound:
    """One call. No document when the order is gone."""
    if not is_id_of(orders.ORDER_PREFIX, request.order_id):
        return CrmOrderStatusesFound()
    with client.reading(request.order_id):
        found = await client.query(orders.status_query(request, client.settings))
        return CrmOrderStatusesFound(
            documents=tuple(orders.status_document(record, client.settings) for record in found)
        )


async def sales_order_set_status(client: Client, request: CrmOrderStatus) -> CrmOrderStatusWritten:
    """One call, order and notice together or neither. Raises DocumentNotFound when the order was deleted."""
    if not is_id_of(orders.ORDER_PREFIX, request.order_id):
        raise DocumentNotFound(
            "{system} has no order {order}: that is no id of an order. Nothing was changed.",
            system=client.http.system,
            order=request.order_id,
        )
    changes = orders.status_changes(request, client.settings, client.http.clock.now())
    with refusals(client.http.system, request.order_id):
        try:
            await _written(client, changes)
        except Refused as refused:
            if refused.position and refused.fault.code == "NOT_FOUND":
                raise _no_notices(client, refused) from None
            raise
    return CrmOrderStatusWritten(order_id=request.order_id)


async def _written(client: Client, changes: list[Change]) -> None:
    """A rival that made the same notice in the same moment undoes all of ours: then it is there, and once more."""
    try:
        await client.change_all(changes)
    except Refused as refused:
        if refused.fault.code != "DUPLICATE_VALUE":
            raise
        await client.change_all(changes)


def _no_notices(client: Client, refused: Refused) -> NotOffered:
    """NOT_FOUND of the notice is a missing field, not a missing order."""
    return NotOffered(
        "{system} cannot keep notices: {said}. Nothing was changed. Make the field {field} on Task (Activity): text, "
        "external id, unique; or correct notice_key_field in the settings of the system.",
        system=client.http.system,
        said=refused.fault.sentence,
        field=client.settings.notice_key_field,
    )


async def _changed_between(client: Client, start: datetime, end: datetime) -> list[str]:
    """Ids in the order of change."""
    span = f"SystemModstamp>={instant_literal(start)} AND SystemModstamp<={instant_literal(end)}"
    found = await client.query(select(["Id"], "Order", where=span, order_by="SystemModstamp,Id"))
    return [record["Id"] for record in found]
