"""Salesforce outbound messages from its sandbox to the webhook server, over real sockets, until acknowledged."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import httpx
import pytest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api_clients.salesforce.webhook import OutboundMessages, WebhookSettings, webhook
from fixtures.salesforce.sandbox import build
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from tandem.domain.delivery import Posted, Unproven, Unreadable
from tandem.engine.engine import Engine
from tandem.store import runs
from tandem.triggers.intake import Webhook
from tandem.triggers.server import Door, WebhookServer, webhook_app
from tests.salesforce_org import retail
from tests.triggers.conftest import BOTH_STORES, MakeEngine

ORGANIZATION = "00DTn0000000001"
NOTIFICATION = "04lTn0000000001IAA"


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()


class Lossy:
    """Takes the first requests in, and loses the acknowledgements: an empty 200 in their place."""

    def __init__(self, app: ASGIApp, lost: int) -> None:
        self._app, self._lost = app, lost

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._lost == 0:
            await self._app(scope, receive, send)
            return
        self._lost -= 1

        async def nowhere(message: Message) -> None:
            """Drop a part of the answer."""

        await self._app(scope, receive, nowhere)
        await Response()(scope, receive, send)


@asynccontextmanager
async def intake(engine: Engine, organization: str = ORGANIZATION, lost: int = 0) -> AsyncIterator[str]:
    """The address to send to."""
    proof = webhook(WebhookSettings(organization_id=organization))
    door = Door(Webhook("crm", "order", {"reference": "PoNumber"}, proof), ("agreed-key",))
    server = WebhookServer(Lossy(webhook_app(engine, {"crm": door}, 1_000_000), lost), "127.0.0.1", 0)
    serving = asyncio.create_task(server.run())
    try:
        yield f"{server.url}/hooks/crm?key=agreed-key"
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        server.close()


async def ask(sandbox: str, **what: object) -> dict[str, object]:
    async with httpx.AsyncClient(timeout=60) as client:
        answer = await client.post(f"{sandbox}/_sandbox/outbound_messages", json=what)
    assert answer.status_code == 200, answer.text
    found: dict[str, object] = answer.json()
    return found


async def started(engine: Engine) -> list[str]:
    rows = await engine.database.read(lambda connection: runs.list_newest(connection, 1000))
    return sorted(row.business_key for row in rows)


@BOTH_STORES
async def test_message_is_acknowledged_and_its_duplicates_start_nothing(engine: Engine) -> None:
    async with serve(build(retail(), FaultPlan())) as sandbox, intake(engine) as url:
        sent = await ask(sandbox.url, url=url, orders=["P1", "P2"], duplicates=3)
        assert (sent["attempts"], sent["acknowledged"]) == (4, 2)
        assert await started(engine) == ["order P1", "order P2"]
        await engine.work()
        await ask(sandbox.url, url=url, orders=["P1"])
    assert await started(engine) == ["order P1", "order P1", "order P2"]


async def test_message_is_repeated_until_it_is_acknowledged_as_the_org_wants(engine: Engine) -> None:
    async with serve(build(retail(), FaultPlan())) as sandbox, intake(engine, lost=3) as url:
        sent = await ask(sandbox.url, url=url, orders=["P1"])
    assert (sent["attempts"], sent["acknowledged"]) == (4, 1)
    assert await started(engine) == ["order P1"]


async def test_message_of_another_org_or_without_the_key_is_refused(engine: Engine) -> None:
    async with serve(build(retail(), FaultPlan())) as sandbox:
        async with intake(engine, "00DTn0000000002") as url:
            sent = await ask(sandbox.url, url=url, orders=["P1"], attempts=1)
            assert sent["acknowledged"] == 0
        async with intake(engine) as url:
            sent = await ask(sandbox.url, url=url.partition("?")[0], orders=["P1"], attempts=1)
            assert sent["acknowledged"] == 0
    assert await started(engine) == []


def message(inside: str, organization: str = ORGANIZATION, before: str = "") -> Posted:
    body = (
        f'{before}<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
        f'<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>{organization}'
        f"</OrganizationId>{inside}</notifications></e:Body></e:Envelope>"
    )
    return Posted({}, body.encode())


def notification(notification_id: str, fields: str) -> str:
    return f'<Notification><Id>{notification_id}</Id><sObject xmlns:sf="u">{fields}</sObject></Notification>'


PROOF = OutboundMessages(WebhookSettings(organization_id=ORGANIZATION))
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_fields_are_those_of_the_record_and_empty_ones_left_out() -> None:
    posted = message(notification(NOTIFICATION, "<sf:Id>801</sf:Id><sf:Name>A &amp; 莉</sf:Name><sf:PoNumber/>"))
    (delivery,) = PROOF.deliveries(posted, NOW)
    assert delivery.id == NOTIFICATION[:15]
    assert delivery.fields == {"Id": "801", "Name": "A & 莉"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<Envelope/>",
        message("", "00DTn000000000A").body,
        message("", "").body,
        message("", before='<!DOCTYPE x [<!ENTITY a "b">]>').body,
        message("&a;", before='<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>').body,
        b'<?xml version="1.0" encoding="no-such"?><a/>',
    ],
)
def test_what_is_no_message_of_the_org_is_not_proven(body: bytes) -> None:
    with pytest.raises(Unproven):
        PROOF.deliveries(Posted({}, body), NOW)


@pytest.mark.parametrize(
    "inside",
    [
        notification("", "<a/>"),
        notification("801Tn0000000001AAA", "<a/>"),
        f"<Notification><Id>{NOTIFICATION}</Id></Notification>",
    ],
)
def test_notification_without_id_or_record_is_unreadable(inside: str) -> None:
    with pytest.raises(Unreadable):
        PROOF.deliveries(message(inside), NOW)


def test_hundred_notifications_are_as_many_deliveries() -> None:
    inside = "".join(notification(f"04lTn0000000{number:03}", "<sf:Id>8</sf:Id>") for number in range(100))
    assert len({each.id for each in PROOF.deliveries(message(inside), NOW)}) == 100
