"""The API rung of every operation on SAP S/4HANA: one function each, named like the operation."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from api_clients.sap_s4hana import availability as atp
from api_clients.sap_s4hana import business_partner as partners
from api_clients.sap_s4hana import cancellation, changes
from api_clients.sap_s4hana import sales_order as orders
from api_clients.sap_s4hana.client import Client as SapClient
from api_clients.sap_s4hana.entity import Entity
from api_clients.sap_s4hana.fault import Refused
from api_clients.sap_s4hana.refusal import refusals
from api_clients.sap_s4hana.settings import Settings
from api_clients.sap_s4hana.values import bare
from tandem.domain.business_partner import BusinessPartner, BusinessPartnerLookup
from tandem.domain.changes import OrderChanges, OrdersChanged
from tandem.domain.sales_order import (
    SalesOrder,
    SalesOrderCancel,
    SalesOrderConfirmation,
    SalesOrderLookup,
    SalesOrdersFound,
)
from tandem.domain.stock import Availability, Demand, StockAvailability, StockCheck
from tandem.errors import (
    BusinessPartnerUnknown,
    MaterialUnknown,
    Unavailable,
    UnknownOutcome,
    ValidationFailed,
)
from tandem.http.port import HttpPort
from tandem.log import event

__all__ = [
    "Client",
    "Settings",
    "business_partner_find",
    "connect",
    "sales_order_cancel",
    "sales_order_changed",
    "sales_order_create",
    "sales_order_find",
    "stock_check",
]

_NOT_YET_VISIBLE_S = (0.2, 0.6, 1.2)
"""Waits between reads of a document that may have been created a moment ago: SAP updates asynchronously."""

_ETAG_TRIES = 3


class Client(SapClient):
    """A connected SAP system and its settings."""

    def __init__(self, http: HttpPort, settings: Settings) -> None:
        super().__init__(http, sap_client=settings.sap_client, language=settings.language)
        self.settings = settings

    @contextmanager
    def about(self, subject: str, *, safe: bool = True) -> Iterator[None]:
        """Failures of the block in the domain's words, named after the reference or key that was asked for."""
        try:
            with refusals(self.http.system, subject, self.settings.refusals):
                yield
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            if safe:
                raise Unavailable(
                    "{system} answered about {subject} with values that make no sense. Nothing was changed.",
                    system=self.http.system,
                    subject=subject,
                ) from error
            raise UnknownOutcome(
                "{system} answered about {subject} with values that make no sense. "
                "The books are read before anything else.",
                system=self.http.system,
                subject=subject,
            ) from error


def connect(http: HttpPort, settings: Settings) -> Client:
    """The client of one system; nothing is sent yet."""
    return Client(http, settings)


async def business_partner_find(client: Client, request: BusinessPartnerLookup) -> BusinessPartner:
    """One call. Raises BusinessPartnerUnknown when there is no such customer, or not in the sales area."""
    number = bare(request.business_partner_id)
    with client.about(number):
        found = await client.business_partners.entities(partners.by_customer(number))
        area = partners.sales_area(found[0], client.settings) if found else None
        if area is None:
            settings = client.settings
            raise BusinessPartnerUnknown(
                "{system} has no customer {customer} in sales area {area}. Nothing was changed. "
                "Maintain the customer in the sales area or correct the customer number, then retry.",
                system=client.http.system,
                customer=number,
                area=f"{settings.sales_organization}/{settings.distribution_channel}/{settings.division}",
            )
        return partners.business_partner(found[0], area)


async def stock_check(client: Client, request: StockCheck) -> StockAvailability:
    """One call for up to a hundred demands. Raises MaterialUnknown naming every material SAP does not know."""
    at = atp.at_instant(request.requested_on, client.http.clock.now())
    asked = (_available(client, demand, atp.determine(demand, at, client.settings)) for demand in request.demands)
    answers = await asyncio.gather(*asked, return_exceptions=True)
    unknown = [
        demand.material
        for demand, answer in zip(request.demands, answers, strict=True)
        if isinstance(answer, MaterialUnknown)
    ]
    if unknown:
        raise MaterialUnknown(
            "{system} has no material {materials}. Nothing was changed. "
            "Maintain it in the plant and sales area or correct the product mapping, then retry.",
            system=client.http.system,
            materials=", ".join(unknown),
        )
    return StockAvailability(answers=tuple(_or_raise(answer) for answer in answers))


async def sales_order_create(client: Client, request: SalesOrder) -> SalesOrderConfirmation:
    """One deep insert. Prices are set by hand, so that the order equals what the customer agreed to."""
    body = orders.new_order(request, client.settings)
    with client.about(request.external_reference, safe=False):
        created = await client.sales_orders.create("A_SalesOrder", body)
        confirmation = orders.confirmation(created, request.external_reference)
    if created.get("TotalCreditCheckStatus") in orders.CREDIT_BLOCKED:
        event(
            "sales_order.credit_blocked",
            level="WARNING",
            system=client.http.system,
            sales_order_id=confirmation.sales_order_id,
            external_reference=request.external_reference,
        )
    return confirmation


async def sales_order_find(client: Client, request: SalesOrderLookup) -> SalesOrdersFound:
    """One call, pages of the server aside. SAP numbers its orders in the order of their creation."""
    with client.about(request.external_reference):
        found = await client.sales_orders.entities(orders.by_reference(request.external_reference))
        documents = [orders.document(order, client.settings, request.sold_to_party) for order in found]
        documents.sort(key=lambda document: document.sales_order_id.zfill(10))
        return SalesOrdersFound(documents=tuple(documents))


async def sales_order_changed(client: Client, request: OrdersChanged) -> OrderChanges:
    """Two calls, pages of the server aside. Without a watermark: 29 days back.

    First the newest change of all is asked for, and that is the next watermark: SAP's own time, whatever our clocks
    say, and before whatever changes while the pages are read. Then everything since the watermark, and as far behind
    it as a change may be committed late; those come again, with the same stamps.
    """
    with client.about("the changed orders"):
        newest = changes.newest(await client.sales_orders.entities(changes.NEWEST))
        since = request.since or (newest or client.http.clock.now()) - changes.BACK
        from_at = since - timedelta(seconds=client.settings.commit_lag_s)
        found = changes.by_order(await client.sales_orders.entities(changes.changed_since(from_at)))
    return OrderChanges(
        order_ids=tuple(found), stamps=tuple(found.values()), watermark=max(since, newest) if newest else since
    )


async def sales_order_cancel(client: Client, request: SalesOrderCancel) -> SalesOrderConfirmation:
    """Reject all items in one changeset. The document stays, so that nobody misses its number (DELETE would lose it).

    A cancelled order is left as it is. Raises DocumentNotFound, DocumentLocked, or ValidationFailed when the order
    carries another reference or SAP refuses the rejection, for instance because it is delivered.
    """
    for tries_left in reversed(range(_ETAG_TRIES)):
        with client.about(request.sales_order_id):
            order = await _order_to_cancel(client, request)
        rejections = cancellation.rejections(order, client.settings)
        with client.about(request.sales_order_id, safe=False):
            try:
                if rejections:
                    await client.sales_orders.change_all(rejections)
                break
            except Refused as refused:
                if refused.status != 412 or not tries_left:
                    raise
    return SalesOrderConfirmation(
        sales_order_id=bare(request.sales_order_id), external_reference=request.external_reference
    )


async def _available(client: Client, demand: Demand, call: str) -> Availability:
    with client.about(demand.material):
        record: Entity = await client.availability.function(call)
        if record["BaseUnit"] != demand.unit:
            raise ValidationFailed(
                "{system} counts material {material} in {base_unit}, and the demand is in {unit}. Nothing was changed. "
                "Map the product to the base unit, then retry.",
                system=client.http.system,
                material=demand.material,
                base_unit=record["BaseUnit"],
                unit=demand.unit,
            )
        return atp.availability(demand, record)


def _or_raise(answer: Availability | BaseException) -> Availability:
    if isinstance(answer, BaseException):
        raise answer
    return answer


async def _order_to_cancel(client: Client, request: SalesOrderCancel) -> Entity:
    """The order with its items. Retried for a moment when it cannot be seen yet."""
    resource = cancellation.by_number(request.sales_order_id)
    for wait_s in (*_NOT_YET_VISIBLE_S, None):
        try:
            order: Entity = await client.sales_orders.read(resource)
            break
        except Refused as refused:
            if refused.status != 404 or wait_s is None:
                raise
            await client.http.clock.sleep(wait_s)
    if order["PurchaseOrderByCustomer"] != request.external_reference:
        raise ValidationFailed(
            "Order {number} of {system} does not carry the reference {reference}. Nothing was changed. "
            "Look for the right order by its reference, then cancel that one.",
            system=client.http.system,
            number=request.sales_order_id,
            reference=request.external_reference,
        )
    return order
