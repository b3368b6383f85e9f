"""From a CRM order to an ERP order, or to 待补货, or to a refusal with its reason: always written back and told."""

import hashlib
from datetime import datetime
from decimal import Decimal
from typing import cast

from pydantic import Field

from bots.sales_order_sync.mapping import Mapping
from bots.sales_order_sync.translation import CrossReferences, demands, translate
from tandem.domain.business_partner import BUSINESS_PARTNER_FIND, BusinessPartnerLookup
from tandem.domain.changes import ORDERS_CHANGED, OrdersChanged
from tandem.domain.crm_order import (
    CRM_ORDER_READ,
    CRM_ORDER_SET_STATUS,
    CRM_ORDER_STATUS_FIND,
    CrmOrder,
    CrmOrderRead,
    CrmOrderStatus,
    Notice,
)
from tandem.domain.record import Record, Text
from tandem.domain.sales_order import (
    SALES_ORDER_CANCEL,
    SALES_ORDER_CONFIRM,
    SALES_ORDER_CREATE,
    SALES_ORDER_FIND,
    SalesOrder,
    SalesOrderConfirmation,
    SalesOrdersFound,
)
from tandem.domain.stock import STOCK_CHECK, STOCK_RESERVE, StockCheck, StockReservation
from tandem.engine.bot import BotResult, Changes
from tandem.engine.run import Run
from tandem.errors import BusinessError, BusinessPartnerBlocked, DocumentNotFound, OrderRefused, StockShort
from tandem.text import tr


class Item(Record):
    """One CRM order to be taken into the ERP: its id or its number."""

    order: Text

    @property
    def business_key(self) -> str:
        return f"crm order {self.order}"


class SyncResult(BotResult):
    """``outcome``: created, waiting (for stock), refused, or draft (nothing was done). Only ``created`` is final."""

    order_number: str = ""
    erp_order_id: str | None = None
    missing: dict[str, str] = Field(default_factory=dict)
    reason: str = ""


async def process(run: Run, mapping: Mapping, references: CrossReferences) -> SyncResult:
    """Take one CRM order into the ERP."""
    item = cast(Item, run.item)
    try:
        order = await run.perform("crm", CRM_ORDER_READ, CrmOrderRead(order=item.order))
    except DocumentNotFound as gone:
        return SyncResult(outcome="refused", final=False, order_number=item.order, reason=str(gone))
    if order.kind == "draft":
        return SyncResult(outcome="draft", final=False, order_number=order.order_number)
    await run.version(f"{order.order_id}@{order.version}")
    return await _Sync(run, mapping, order).result(references)


async def poll(run: Run, since: datetime | None) -> Changes:
    """Every CRM order changed since the watermark."""
    changed = await run.perform("crm", ORDERS_CHANGED, OrdersChanged(since=since))
    items = tuple(Item(order=order_id) for order_id in changed.order_ids)
    return Changes(items=items, watermark=changed.watermark, stamps=changed.stamps)


class _Sync:
    def __init__(self, run: Run, mapping: Mapping, order: CrmOrder) -> None:
        self._run, self._mapping, self._order = run, mapping, order

    async def result(self, references: CrossReferences) -> SyncResult:
        try:
            sales_order = translate(self._order, self._mapping, references)
            await self._check_partner(sales_order)
            made = await self._ordered(sales_order)
        except BusinessError as refusal:
            return await self._refuse(refusal)
        if isinstance(made, SalesOrderConfirmation):
            return await self._confirm(made)
        return await self._wait_for_stock(made)

    async def _ordered(self, sales_order: SalesOrder) -> SalesOrderConfirmation | dict[str, str]:
        """The order that was made, or the missing quantity by material. Raises BusinessError.

        Beside others only where the ERP grants nothing twice. They may hold for a moment what they give back, so that
        stock is missing is believed only while nobody else is under way with the materials.
        """
        if not self._run.confirms("erp", SALES_ORDER_CREATE):
            async with self._run.locked("erp", _materials(sales_order)) as turn:
                return await self._ordered_if_available(sales_order, turn)
        async with self._run.locked("erp", _materials(sales_order), shared=True, key="beside others") as turn:
            made = await self._ordered_if_available(sales_order, turn)
        if isinstance(made, SalesOrderConfirmation):
            return made
        async with self._run.locked("erp", _materials(sales_order), key="alone") as turn:
            return await self._ordered_if_available(sales_order, turn, again=True)

    async def _ordered_if_available(
        self, sales_order: SalesOrder, turn: str, *, again: bool = False
    ) -> SalesOrderConfirmation | dict[str, str]:
        try:
            return await self._missing(sales_order, turn) or await self._create(sales_order, "again" if again else "")
        except StockShort as short:
            return {short.fields["material"]: short.fields["missing"]}

    async def _missing(self, sales_order: SalesOrder, turn: str) -> dict[str, str]:
        """Missing quantity by material; empty when everything is available. Raises BusinessError.

        An order that stands in the ERP already, and is no draft, holds its stock itself: nothing is missing for it.
        """
        availability, found = await self._run.together(
            self._run.perform(
                "erp",
                STOCK_CHECK,
                StockCheck(demands=demands(sales_order.lines), requested_on=sales_order.requested_delivery_on),
                key=turn,
            ),
            self._run.perform("erp", SALES_ORDER_FIND, sales_order.lookup(), key=turn),
        )
        self._check_cancelled(found)
        if any(not document.void and not document.draft for document in found.documents):
            return {}
        return {shortage.material: f"{shortage.missing:f}" for shortage in availability.shortages}

    async def _check_partner(self, sales_order: SalesOrder) -> None:
        lookup = BusinessPartnerLookup(business_partner_id=sales_order.sold_to_party)
        partner = await self._run.perform("erp", BUSINESS_PARTNER_FIND, lookup)
        if partner.blocked:
            raise BusinessPartnerBlocked(
                "Order {order} refused: customer {customer} is blocked for orders in the ERP.",
                order=self._order.order_number,
                customer=sales_order.sold_to_party,
            )
        if partner.currency is not None and partner.currency != sales_order.currency:
            raise OrderRefused(
                "Order {order} refused: it is in {currency}, but customer {customer} is supplied in {expected}.",
                order=self._order.order_number,
                currency=sales_order.currency,
                customer=sales_order.sold_to_party,
                expected=partner.currency,
            )

    def _check_cancelled(self, found: SalesOrdersFound) -> None:
        """What a person cancelled in the ERP, after we had told the CRM of it, is not made again behind their back."""
        told = self._order.erp_order_id
        if told and any(document.document_id == told and document.void for document in found.documents):
            raise OrderRefused(
                "Order {order} refused: its ERP order {number} was cancelled in the ERP. Clear the ERP order number in "
                "the CRM if it is to be created anew.",
                order=self._order.order_number,
                number=told,
            )

    async def _create(self, sales_order: SalesOrder, key: str) -> SalesOrderConfirmation:
        """Reservation, where the ERP keeps it apart, order, and confirmation, where it makes drafts: all or none.

        Raises StockShort, BusinessError.
        """
        async with self._run.saga():
            if self._run.offers("erp", STOCK_RESERVE):
                reservation = StockReservation(
                    external_reference=sales_order.external_reference, demands=demands(sales_order.lines)
                )
                await self._run.perform("erp", STOCK_RESERVE, reservation, key)
            confirmation = await self._run.perform("erp", SALES_ORDER_CREATE, sales_order, key)
            if self._run.offers("erp", SALES_ORDER_CONFIRM):
                confirmation = await self._run.perform("erp", SALES_ORDER_CONFIRM, confirmation.confirm(), key)
            confirmation = await self._with_quantities(sales_order, confirmation, key)
            _refuse_unconfirmed(sales_order, confirmation)
        return confirmation

    async def _with_quantities(
        self, sales_order: SalesOrder, confirmation: SalesOrderConfirmation, key: str
    ) -> SalesOrderConfirmation:
        """What an ERP that confirms by itself did confirm; not every one says so in its answer."""
        told = [line for line in confirmation.lines if line.quantity is not None]
        if len(told) == len(sales_order.lines) or not self._run.confirms("erp", SALES_ORDER_CREATE):
            return confirmation
        found = await self._run.perform("erp", SALES_ORDER_FIND, sales_order.lookup(), key=f"confirmed {key}")
        number = confirmation.sales_order_id
        made = [document for document in found.documents if document.sales_order_id == number]
        return made[0].result() if made else confirmation

    async def _confirm(self, confirmation: SalesOrderConfirmation) -> SyncResult:
        number = confirmation.sales_order_id
        message = tr("ERP order {number} created.", number=number)
        try:
            await self._report(self._mapping.status.created, message, erp_order_id=number)
        except DocumentNotFound as gone:
            await self._run.perform("erp", SALES_ORDER_CANCEL, confirmation.compensation())
            return self._ended("refused", reason=tr("{why} ERP order {number} was cancelled.", why=gone, number=number))
        return self._ended("created", erp_order_id=number, final=True)

    async def _wait_for_stock(self, missing: dict[str, str]) -> SyncResult:
        lines = "\n".join(
            tr("{material}: {quantity} missing", material=material, quantity=quantity)
            for material, quantity in missing.items()
        )
        message = tr("Waiting for stock:") + "\n" + lines
        await self._report_if_there(self._mapping.status.waiting, message)
        return self._ended("waiting", missing=missing)

    async def _refuse(self, refusal: BusinessError) -> SyncResult:
        await self._report_if_there(self._mapping.status.refused, str(refusal))
        return self._ended("refused", reason=str(refusal))

    async def _report_if_there(self, status: str, message: str) -> None:
        """A CRM order deleted meanwhile has nobody left to be told."""
        try:
            await self._report(status, message)
        except DocumentNotFound:
            return

    async def _report(self, status: str, message: str, erp_order_id: str | None = None) -> None:
        notice = None
        if self._order.owner_id is not None:
            subject = tr("Order {order}: {status}", order=self._order.order_number, status=status)
            notice = Notice(recipient_id=self._order.owner_id, subject=subject, text=message)
        news = CrmOrderStatus(
            external_reference=self._notice_reference(status, message),
            order_id=self._order.order_id,
            status=status,
            erp_order_id=erp_order_id,
            message=message,
            notice=notice,
        )
        if not await self._is_told(news):
            await self._run.perform("crm", CRM_ORDER_SET_STATUS, news)

    async def _is_told(self, news: CrmOrderStatus) -> bool:
        """Writing the same news again would count as a change of the order, and the next poll would find it again."""
        if self._order.status != news.status:
            return False
        found = await self._run.perform("crm", CRM_ORDER_STATUS_FIND, news.lookup())
        return any(not news.differences(document) for document in found.documents)

    def _notice_reference(self, status: str, message: str) -> str:
        """The same news is told once, however often the order is looked at."""
        news = hashlib.sha256(f"{self._order.version}|{status}|{message}".encode()).hexdigest()
        return f"{self._order.order_id}-{news[:24]}"

    def _ended(
        self,
        outcome: str,
        *,
        erp_order_id: str | None = None,
        missing: dict[str, str] | None = None,
        reason: str = "",
        final: bool = False,
    ) -> SyncResult:
        return SyncResult(
            outcome=outcome,
            final=final,
            order_number=self._order.order_number,
            erp_order_id=erp_order_id,
            missing=missing or {},
            reason=reason,
        )


def _materials(sales_order: SalesOrder) -> list[str]:
    return sorted({line.material for line in sales_order.lines})


def _refuse_unconfirmed(sales_order: SalesOrder, confirmation: SalesOrderConfirmation) -> None:
    """Somebody else may have taken the stock between our check and the order. Raises StockShort for the first line."""
    confirmed = {line.line_number: line.quantity for line in confirmation.lines if line.quantity is not None}
    for line in sales_order.lines:
        missing = line.quantity - confirmed.get(line.line_number, line.quantity)
        if missing > Decimal(0):
            raise StockShort(
                "Order {order}: {missing} {unit} of {material} are not confirmed any more.",
                order=sales_order.external_reference,
                material=line.material,
                unit=line.unit,
                missing=f"{missing:f}",
            )
