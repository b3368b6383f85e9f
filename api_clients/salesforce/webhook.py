"""Outbound messages: what an org posts to us when a flow or a workflow rule says so.

Salesforce signs nothing. A message names the org that sent it; who may reach the address is for the network, mutual TLS
and the key in the address to decide. Every notification has an id; the same one comes again until it is acknowledged,
and sometimes after. Source: "Understanding Notifications", contracts section on outbound messages.
"""

import hmac
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring
from pydantic import BaseModel, ConfigDict, Field

from api_clients.salesforce.record_id import is_id_of
from tandem.domain.delivery import Delivery, Posted, Reply, Unproven, Unreadable

_ENVELOPE = "http://schemas.xmlsoap.org/soap/envelope/"
_OUTBOUND = "http://soap.sforce.com/2005/09/outbound"
_NOTIFICATION_PREFIX = "04l"
_SHORT = 15
_ACKNOWLEDGED = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    f'<soapenv:Envelope xmlns:soapenv="{_ENVELOPE}"><soapenv:Body>'
    f'<notificationsResponse xmlns="{_OUTBOUND}"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>"
).encode()


class WebhookSettings(BaseModel):
    """``organization_id``: the org that may send, as Setup > Company Information shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    organization_id: Annotated[str, Field(pattern=r"^00D[0-9A-Za-z]{12}(?:[0-9A-Za-z]{3})?$")]


class OutboundMessages:
    """The messages of one org."""

    def __init__(self, settings: WebhookSettings) -> None:
        self._organization_id = settings.organization_id[:_SHORT]

    def deliveries(self, posted: Posted, now: datetime) -> list[Delivery]:
        """One delivery for each notification, its fields those of the record by API name.

        Raises Unproven when it is no message of this org, Unreadable for a notification without id or record.
        """
        message = _message(posted.body)
        sender = message.findtext(f"{{{_OUTBOUND}}}OrganizationId") or ""
        if not hmac.compare_digest(sender[:_SHORT].encode(), self._organization_id.encode()):
            raise Unproven("organization")
        return list(_notifications(message))

    def reply(self) -> Reply:
        """Anything but this makes the org send it all again, for a day."""
        return Reply(200, _ACKNOWLEDGED, "text/xml")


def webhook(settings: WebhookSettings) -> OutboundMessages:
    """How an org with these settings proves itself."""
    return OutboundMessages(settings)


def _message(body: bytes) -> Element:
    try:
        envelope: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        raise Unproven("not XML") from None
    message = envelope.find(f"{{{_ENVELOPE}}}Body/{{{_OUTBOUND}}}notifications")
    if message is None:
        raise Unproven("not an outbound message")
    return message


def _notifications(message: Element) -> Iterator[Delivery]:
    for notification in message.iterfind(f"{{{_OUTBOUND}}}Notification"):
        delivery_id = notification.findtext(f"{{{_OUTBOUND}}}Id") or ""
        record = notification.find(f"{{{_OUTBOUND}}}sObject")
        if record is None or not is_id_of(_NOTIFICATION_PREFIX, delivery_id):
            raise Unreadable("a notification has no id or no record")
        yield Delivery(delivery_id[:_SHORT], _fields(record))


def _fields(record: Element) -> dict[str, Any]:
    """Empty fields are left out, as the org does."""
    return {field.tag.rpartition("}")[2]: field.text for field in record if field.text}
