"""The API rung of every operation on Tryton: one function each, named like the operation."""

from api_clients.tryton import availability as atp
from api_clients.tryton import business_partner as partners
from api_clients.tryton import entry, processing, product, production, shipment, timesheet, withdrawal
from api_clients.tryton import receipt as receipts
from api_clients.tryton import sales_order as orders
from api_clients.tryton.client import Client, connect
from api_clients.tryton.goods_issue import GoodsIssue
from api_clients.tryton.number import document_id, draft_id
from api_clients.tryton.settings import Settings
from api_clients.tryton.values import Row
from tandem.domain.business_partner import BusinessPartner, BusinessPartnerLookup
from tandem.domain.credit_position import CreditPosition, CreditPositionLookup
from tandem.domain.production_order import (
    ProductionOrder,
    ProductionOrderCancel,
    ProductionOrderConfirmation,
    ProductionOrderLookup,
    ProductionOrdersFound,
)
from tandem.domain.receipt import (
    Receipt,
    ReceiptCancel,
    ReceiptConfirmation,
    ReceiptLookup,
    ReceiptPost,
    ReceiptsFound,
)
from tandem.domain.sales_order import (
    SalesOrder,
    SalesOrderCancel,
    SalesOrderConfirm,
    SalesOrderConfirmation,
    SalesOrderLookup,
    SalesOrdersFound,
)
from tandem.domain.shipment import ShipmentConfirmation, ShipmentDeliver, ShipmentLookup, ShipmentsFound
from tandem.domain.stock import Demand, StockAvailability, StockCheck
from tandem.domain.time_entry import (
    ProjectTime,
    ProjectTimeLookup,
    TimeEntriesFound,
    TimeEntry,
    TimeEntryCancel,
    TimeEntryConfirmation,
    TimeEntryLookup,
)
from tandem.errors import DocumentNotFound
from tandem.http.together import together

__all__ = [
    "Client",
    "Settings",
    "business_partner_find",
    "connect",
    "credit_position_find",
    "production_order_cancel",
    "production_order_create",
    "production_order_find",
    "project_time_find",
    "receipt_cancel",
    "receipt_create",
    "receipt_find",
    "receipt_post",
    "sales_order_cancel",
    "sales_order_confirm",
    "sales_order_create",
    "sales_order_find",
    "shipment_deliver",
    "shipment_find",
    "stock_check",
    "time_entry_cancel",
    "time_entry_create",
    "time_entry_find",
]


async def business_partner_find(client: Client, request: BusinessPartnerLookup) -> BusinessPartner:
    """One call. Raises BusinessPartnerUnknown when there is no such customer."""
    with client.about(request.business_partner_id):
        return partners.business_partner(await partners.by_code(client, request.business_partner_id))


async def credit_position_find(client: Client, request: CreditPositionLookup) -> CreditPosition:
    """One call. Tryton counts the open receivables, and confirmed orders as far as they are not invoiced, untaxed."""
    with client.about(request.business_partner_id):
        party = await partners.by_code(client, request.business_partner_id, partners.CREDIT)
        return partners.credit_position(party)


async def stock_check(client: Client, request: StockCheck) -> StockAvailability:
    """Six calls, however many demands; four more for each further warehouse.

    Raises MaterialUnknown naming every material Tryton does not know.
    """
    with client.about(", ".join(demand.material for demand in request.demands[:3])):
        today, found = await together(
            client.today(), product.by_code(client, (demand.material for demand in request.demands))
        )
        for demand in request.demands:
            product.refuse_other_unit(client, demand, found[demand.material])
        by_site: dict[str, list[Demand]] = {}
        for demand in request.demands:
            by_site.setdefault(demand.site or client.settings.warehouse, []).append(demand)
        quantities = {
            site: await atp.available(
                client,
                [found[demand.material] for demand in demands],
                await client.directory.warehouse(site),
                request.requested_on or today,
                today,
            )
            for site, demands in by_site.items()
        }
        return StockAvailability(
            answers=tuple(
                atp.availability(demand, found[demand.material], quantities[demand.site or client.settings.warehouse])
                for demand in request.demands
            )
        )


async def sales_order_create(client: Client, request: SalesOrder) -> SalesOrderConfirmation:
    """Reads, then one call that writes. What a screen would fill in is asked of the server; prices are as agreed."""
    with client.about(request.external_reference):
        record = await entry.sale(client, request)
    with client.about(request.external_reference, safe=False):
        id_ = await client.create(orders.SALE, record)
        return orders.confirmation({"id": id_, "number": None, "reference": request.external_reference})


async def sales_order_find(client: Client, request: SalesOrderLookup) -> SalesOrdersFound:
    """Two calls. The customer does not narrow it: an order written for the wrong one must be found too."""
    reference = request.external_reference
    with client.about(reference):
        sales = await client.search_read(
            orders.SALE, [["reference", "=", reference]], orders.HEADER, order=orders.OLDEST_FIRST
        )
        lines = await client.search_read(
            orders.LINE, [["sale", "in", [sale["id"] for sale in sales]]], orders.LINES, order=orders.AS_SHOWN
        )
        of_sale: dict[int, list[Row]] = {}
        for line in lines:
            of_sale.setdefault(line["sale"], []).append(line)
        waits = client.settings.processing_s is not None
        return SalesOrdersFound(
            documents=tuple(orders.document(sale, of_sale.get(sale["id"], []), waits=waits) for sale in sales)
        )


async def sales_order_confirm(client: Client, request: SalesOrderConfirm) -> SalesOrderConfirmation:
    """Quote and confirm, whichever is left to do; then wait until it is processed, which is when it takes its stock.

    Tryton processes it by itself a moment later. Where it was stopped before it did, or could not and told nobody, the
    order is set back and confirmed once more. Raises CreditBlocked in Tryton's own words, also where Tryton only warns:
    to go on is a person's decision.
    """
    sale = await processing.concerned(client, request.sales_order_id, request.external_reference)
    with client.about(request.external_reference, safe=False):
        await processing.confirm(client, sale["id"], sale["state"])
        if not await processing.comes(client, request, orders.is_processed):
            await client.press(orders.SALE, "draft", sale["id"])
            await processing.confirm(client, sale["id"], "draft")
            if not await processing.comes(client, request, orders.is_processed):
                raise client.unbelievable("sale.sale.process", safe=False)
        return orders.confirmation(
            await processing.concerned(client, request.sales_order_id, request.external_reference)
        )


async def sales_order_cancel(client: Client, request: SalesOrderCancel) -> SalesOrderConfirmation:
    """Cancel a draft; take back an order in processing with what was planned of it. A cancelled one is left as it is.

    Raises DocumentNotFound, or ValidationFailed when the order carries another reference, when goods of it are picked
    or delivered, or when an invoice of it is posted.
    """
    sale = await processing.concerned(client, request.sales_order_id, request.external_reference)
    with client.about(request.external_reference, safe=False):
        if sale["state"] == "confirmed":
            await client.press(orders.SALE, "draft", sale["id"])
        if sale["state"] in orders.UNPROCESSED:
            await client.press(orders.SALE, "cancel", sale["id"])
        elif not orders.is_withdrawn(sale):
            await withdrawal.withdraw(client, sale)
            if not await processing.comes(client, request, orders.is_withdrawn):
                raise client.unbelievable("sale.sale.process", safe=False)
    return SalesOrderConfirmation(sales_order_id=request.sales_order_id, external_reference=request.external_reference)


async def time_entry_create(client: Client, request: TimeEntry) -> TimeEntryConfirmation:
    """Reads, then one call that writes. Raises DuplicateReference, by Tryton's own rule, when it stands already."""
    with client.about(request.external_reference):
        record = await timesheet.values(client, request)
        standing = (await timesheet.found(client, request.external_reference)).documents
    with client.about(request.external_reference, safe=False):
        id_ = await timesheet.write(client, record, next((entry for entry in standing if entry.cancelled), None))
        return timesheet.confirmation(request, id_)


async def time_entry_find(client: Client, request: TimeEntryLookup) -> TimeEntriesFound:
    """Two calls where there is an entry; one at most, as the reference is unique."""
    with client.about(request.external_reference):
        return await timesheet.found(client, request.external_reference)


async def time_entry_cancel(client: Client, request: TimeEntryCancel) -> TimeEntryConfirmation:
    """Take the time off the entry, which stays. A cancelled one is left as it is. Raises DocumentNotFound."""
    with client.about(request.external_reference):
        entry = await timesheet.concerned(client, request)
    with client.about(request.external_reference, safe=False):
        await timesheet.clear(client, entry)
        return entry.result()


async def project_time_find(client: Client, request: ProjectTimeLookup) -> ProjectTime:
    """Three calls. The tasks of the project count, to whatever depth, and so do entries that clerks have made."""
    with client.about(request.project):
        return await timesheet.project_time(client, request)


async def receipt_create(client: Client, request: Receipt) -> ReceiptConfirmation:
    """Reads, then one call that writes: the payment of an invoice, posted; else a draft on the customer's account."""
    with client.about(request.external_reference):
        method = await client.directory.payment_method(client.settings.payment_method)
        invoice = await receipts.open_invoice(client, request) if request.invoice is not None else None
        record = await receipts.draft(client, request, method) if invoice is None else {}
    with client.about(request.external_reference, safe=False):
        if invoice is not None:
            return await receipts.settle(client, request, invoice, method)
        id_ = await client.create(receipts.MOVE, record)
        return receipts.confirmation(request, id_)


async def receipt_find(client: Client, request: ReceiptLookup) -> ReceiptsFound:
    """Two calls, or three when an invoice was settled."""
    with client.about(request.external_reference):
        found = await receipts.booked(client, request.external_reference)
        return ReceiptsFound(documents=tuple(receipt.document() for receipt in found))


async def receipt_post(client: Client, request: ReceiptPost) -> ReceiptConfirmation:
    """One that is posted is left as it is. Raises DocumentNotFound."""
    with client.about(request.external_reference):
        receipt = await receipts.concerned(client, request)
    with client.about(request.external_reference, safe=False):
        await receipts.post(client, receipt)
        return (await receipts.concerned(client, request)).document().result()


async def receipt_cancel(client: Client, request: ReceiptCancel) -> ReceiptConfirmation:
    """Reverse it, as Tryton deletes nothing that is posted; a draft is posted first. The invoice is open again.

    A reversed one is left as it is. Raises DocumentNotFound.
    """
    with client.about(request.external_reference):
        receipt = await receipts.concerned(client, request)
    with client.about(request.external_reference, safe=False):
        if not receipt.is_reversed:
            client.require_screens()
            await receipts.post(client, receipt)
            await receipts.reverse(client, receipt)
    return ReceiptConfirmation(receipt_id=request.receipt_id, external_reference=request.external_reference)


async def shipment_find(client: Client, request: ShipmentLookup) -> ShipmentsFound:
    """Three calls: the orders with the reference, their deliveries, and what is to leave with them."""
    with client.about(request.external_reference):
        return ShipmentsFound(documents=await shipment.documents(client, request.external_reference))


async def shipment_deliver(client: Client, request: ShipmentDeliver) -> ShipmentConfirmation:
    """Assign, pick, pack and book out, whichever is left to do. A delivery that is done is left as it is.

    Raises DocumentNotFound, StockShort, and ValidationFailed for one that is cancelled or a draft.
    """
    with client.about(request.external_reference):
        found = await shipment.of_order(client, request.external_reference)
    ids = [row["id"] for row in found if document_id(row) == request.shipment_id]
    if not ids:
        raise DocumentNotFound(
            "{system} has no delivery {shipment} of order {reference}. Nothing was changed. "
            "Look for it by the order's reference.",
            system=client.http.system,
            shipment=request.shipment_id,
            reference=request.external_reference,
        )
    with client.about(request.external_reference, safe=False):
        return shipment.confirmation(await GoodsIssue(client, ids[0]).carried_out(), request.external_reference)


async def production_order_create(client: Client, request: ProductionOrder) -> ProductionOrderConfirmation:
    """Reads, then one call that writes a draft with the moves of its bill of materials; a person releases it."""
    with client.about(request.external_reference):
        record = await entry.production(client, request)
    with client.about(request.external_reference, safe=False):
        id_ = await client.create(production.PRODUCTION, record)
        return ProductionOrderConfirmation(
            production_order_id=draft_id({"id": id_}), external_reference=request.external_reference
        )


async def production_order_find(client: Client, request: ProductionOrderLookup) -> ProductionOrdersFound:
    """One call."""
    domain = [["reference", "=", request.external_reference]]
    with client.about(request.external_reference):
        rows = await client.search_read(production.PRODUCTION, domain, production.HEADER, order=production.OLDEST_FIRST)
        return ProductionOrdersFound(documents=tuple(map(production.document, rows)))


async def production_order_cancel(client: Client, request: ProductionOrderCancel) -> ProductionOrderConfirmation:
    """One button. A cancelled production order is left as it is.

    Raises DocumentNotFound, or ValidationFailed when it carries another reference or was begun.
    """
    number, reference = request.production_order_id, request.external_reference
    found = await processing.concerned(client, number, reference, production.PRODUCTION, production.HEADER)
    with client.about(reference, safe=False):
        if not production.is_cancelled(found):
            production.refuse_begun(client, found)
            await client.press(production.PRODUCTION, "cancel", found["id"])
    return ProductionOrderConfirmation(production_order_id=number, external_reference=reference)
