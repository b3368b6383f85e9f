"""A Salesforce order in the domain's words, the query that reads it, and the changes that write its status."""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import quote

from api_clients.salesforce.client import Record
from api_clients.salesforce.composite import Change
from api_clients.salesforce.record_id import is_id_of
from api_clients.salesforce.settings import Settings
from api_clients.salesforce.soql import instant_literal, quoted, select
from tandem.domain.crm_order import (
    LONGEST_SUBJECT,
    CrmAccount,
    CrmOrder,
    CrmOrderKind,
    CrmOrderLine,
    CrmOrderStatus,
    CrmOrderStatusDocument,
    CrmOrderStatusLookup,
    NoticeFound,
)

ORDER_PREFIX = "801"
_LINE_STEP = 10
_NOTICE_FIELDS = ("OwnerId", "Subject", "Description")
_ORDER_FIELDS = ("Id", "OrderNumber", "StatusCode", "IsReductionOrder", "OwnerId", "AccountId", "Account.Name")
_DRAFT = "Draft"
_VOID = ("Canceled", "Expired", "Superseded")


def order_query(key: str, settings: Settings) -> str:
    """The order with its account and items, by id, by order number or by the customer's PO number."""
    items = select(
        ["Product2.ProductCode", f"Product2.{settings.unit_field}", "Quantity", "UnitPrice"],
        "OrderItems",
        order_by="OrderItemNumber",
    )
    custom = (
        f"Account.{settings.customer_code_field}",
        settings.currency_field,
        settings.requested_delivery_field,
        settings.sync_status_field,
        settings.erp_order_number_field,
    )
    return select([*_ORDER_FIELDS, *filter(None, custom), f"({items})"], "Order", where=_by(key))


def order(record: Record, settings: Settings) -> CrmOrder:
    """Raises KeyError, TypeError, ValueError for a record that is none."""
    lines = tuple(_lines(record["OrderItems"], settings))
    kind, account, currency = _kind(record), _account(record, settings), _optional(record, settings.currency_field)
    wanted_on = _optional(record, settings.requested_delivery_field)
    return CrmOrder(
        order_id=record["Id"],
        order_number=record["OrderNumber"],
        kind=kind,
        account=account,
        owner_id=record["OwnerId"],
        currency=currency,
        requested_delivery_on=date.fromisoformat(wanted_on) if wanted_on else None,
        status=record[settings.sync_status_field],
        erp_order_id=record[settings.erp_order_number_field],
        lines=lines,
    )


def status_query(lookup: CrmOrderStatusLookup, settings: Settings) -> str:
    """The fields written back, and the notices with the reference asked for."""
    fields = ["Id", settings.sync_status_field, settings.sync_message_field, settings.erp_order_number_field]
    if lookup.notice_reference is not None:
        mine = f"{settings.notice_key_field}={quoted(lookup.notice_reference)}"
        fields.append(f"({select(['Id', *_NOTICE_FIELDS], 'Tasks', where=mine)})")
    return select(fields, "Order", where=f"Id={quoted(lookup.order_id)}")


def status_document(record: Record, settings: Settings) -> CrmOrderStatusDocument:
    """Line ends of the message are those of the domain, whoever edited it. Raises KeyError, TypeError."""
    notices = _children(record.get("Tasks"))
    return CrmOrderStatusDocument(
        order_id=record["Id"],
        status=record[settings.sync_status_field],
        erp_order_id=record[settings.erp_order_number_field],
        message=(record[settings.sync_message_field] or "").replace("\r\n", "\n"),
        notices=len(notices),
        notice=_notice(notices[0]) if notices else None,
    )


def _notice(task: Record) -> NoticeFound:
    return NoticeFound(
        recipient_id=task["OwnerId"],
        subject=task["Subject"] or "",
        text=(task["Description"] or "").replace("\r\n", "\n"),
    )


def status_changes(request: CrmOrderStatus, settings: Settings, now: datetime) -> list[Change]:
    """The order's fields; and, with a notice, a task of the salesperson, which its key makes only once."""
    values: dict[str, Any] = {
        settings.sync_status_field: request.status,
        settings.sync_message_field: request.message,
        settings.synced_at_field: instant_literal(now),
    }
    if request.erp_order_id is not None:
        values[settings.erp_order_number_field] = request.erp_order_id
    changes = [Change("PATCH", f"sobjects/Order/{request.order_id}", values)]
    if request.notice is not None:
        task = {
            "Subject": request.notice.subject[:LONGEST_SUBJECT],
            "Description": request.notice.text,
            "OwnerId": request.notice.recipient_id,
            "WhatId": request.order_id,
        }
        key = quote(request.external_reference, safe="")
        changes.append(Change("PATCH", f"sobjects/Task/{settings.notice_key_field}/{key}", task))
    return changes


def _by(key: str) -> str:
    if is_id_of(ORDER_PREFIX, key):
        return f"Id={quoted(key)}"
    return f"OrderNumber={quoted(key)} OR PoNumber={quoted(key)}"


def _kind(record: Record) -> CrmOrderKind:
    if record["StatusCode"] in _VOID:
        return "cancelled"
    if record["StatusCode"] == _DRAFT:
        return "draft"
    return "reduction" if record["IsReductionOrder"] else "order"


def _account(record: Record, settings: Settings) -> CrmAccount | None:
    if record["AccountId"] is None:
        return None
    account = record["Account"] or {}
    return CrmAccount(
        account_id=record["AccountId"],
        customer_number=account.get(settings.customer_code_field),
        name=account.get("Name") or "",
    )


def _lines(items: Record | None, settings: Settings) -> Iterator[CrmOrderLine]:
    """Numbered 10, 20, … in the order of their creation: the org-wide item numbers outgrow an ERP's."""
    for position, item in enumerate(_children(items), start=1):
        product = item["Product2"] or {}
        yield CrmOrderLine(
            line_number=position * _LINE_STEP,
            product_code=product.get("ProductCode") or "",
            quantity=Decimal(item["Quantity"]),
            unit=product.get(settings.unit_field),
            unit_price=Decimal(item["UnitPrice"]),
        )


def _children(found: Record | None) -> list[Record]:
    """The records of a child subquery; Salesforce says null for none."""
    return [] if found is None else found["records"]


def _optional(record: Record, field: str | None) -> str | None:
    return None if field is None else record[field]
