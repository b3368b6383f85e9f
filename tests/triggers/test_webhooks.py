"""Webhooks over real HTTP: proven, told apart, started before the answer; and a stranger learns nothing."""

import asyncio
import io
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tandem import log
from tandem.domain.clock import SystemClock
from tandem.domain.delivery import Posted, Unproven
from tandem.engine.engine import Engine
from tandem.errors import UsageError
from tandem.store import deliveries, runs
from tandem.triggers.intake import Webhook
from tandem.triggers.server import Door, WebhookServer, webhook_app
from tandem.triggers.standard_webhook import StandardWebhook, key_of, signature
from tests.triggers.conftest import BOTH_STORES, MakeEngine

KEY, OLD_KEY = b"a key of the present, 32 bytes....", b"a key of the past, 32 bytes long."
WINDOW = timedelta(minutes=5)
LIMIT = 4096


def signed(
    body: bytes, *, delivery_id: str = "msg_1", key: bytes = KEY, age: timedelta = timedelta(0), **headers: str
) -> dict[str, str]:
    timestamp = str(int((datetime.now(UTC) - age).timestamp()))
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(key, delivery_id, timestamp, body),
        **headers,
    }


def told(reference: str) -> bytes:
    return json.dumps({"order": {"id": reference}}).encode()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    engine = make_engine()
    engine.clock = SystemClock()
    return engine


@pytest.fixture
async def client(engine: Engine) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the running server."""
    webhook = Webhook("shop", "order", {"reference": "order.id"}, StandardWebhook([KEY, OLD_KEY], WINDOW))
    doors = {"shop": Door(webhook), "keyed": Door(webhook, ("the-agreed-key", "the-previous-key"))}
    server = WebhookServer(webhook_app(engine, doors, LIMIT), "127.0.0.1", 0)
    serving = asyncio.create_task(server.run())
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        yield client
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving


async def started(engine: Engine) -> list[str]:
    rows = await engine.database.read(lambda connection: runs.list_newest(connection, 1000))
    return sorted(row.business_key for row in rows)


async def post(client: httpx.AsyncClient, body: bytes, path: str = "/hooks/shop", **more: Any) -> httpx.Response:
    return await client.post(path, content=body, headers=signed(body, **more))


def test_signature_is_that_of_the_specifications_example() -> None:
    """The example of the reference implementations' own tests."""
    posted = Posted(
        {
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        b'{"test": 2432232314}',
    )
    proof = StandardWebhook([key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")], WINDOW)
    (delivery,) = proof.deliveries(posted, datetime.fromtimestamp(1614265330, UTC))
    assert delivery.fields == {"test": 2432232314}


async def test_delivery_starts_its_run_before_it_is_answered(engine: Engine, client: httpx.AsyncClient) -> None:
    answer = await post(client, told("A"))
    assert answer.status_code == 204
    assert await started(engine) == ["order A"]


@BOTH_STORES
async def test_duplicate_is_acknowledged_and_starts_nothing(engine: Engine, client: httpx.AsyncClient) -> None:
    for _ in range(3):
        assert (await post(client, told("A"))).status_code == 204
    await engine.work()
    assert (await post(client, told("A"))).status_code == 204
    assert await started(engine) == ["order A"]
    assert (await post(client, told("A"), delivery_id="msg_2")).status_code == 204
    assert await started(engine) == ["order A", "order A"]


@BOTH_STORES
async def test_news_of_a_document_that_a_run_has_begun_with_is_not_lost(
    engine: Engine, client: httpx.AsyncClient
) -> None:
    await post(client, told("A"))
    (row,) = await engine.database.write(lambda connection: runs.claim(connection, 5, engine.clock.now()))
    for number in (2, 3):
        await post(client, told("A"), delivery_id=f"msg_{number}")
    assert await started(engine) == ["order A", "order A"]
    at = engine.clock.now()
    await engine.database.write(
        runs.finishing(row.id, row.epoch, outcome="done", result=None, at=at, keep_dedupe_key=True)
    )
    assert (await engine.work()).finished == {"done": 1}


@BOTH_STORES
async def test_same_delivery_from_many_sides_at_once_starts_one_run(engine: Engine, client: httpx.AsyncClient) -> None:
    bodies = [told(f"A{number % 5}") for number in range(60)]
    answers = await asyncio.gather(
        *(post(client, body, delivery_id=f"msg_{number % 5}") for number, body in enumerate(bodies))
    )
    assert {answer.status_code for answer in answers} == {204}
    assert await started(engine) == [f"order A{number}" for number in range(5)]


@pytest.mark.parametrize(
    "spoil",
    [
        {"webhook-signature": "v1,AAAA"},
        {"webhook-signature": ""},
        {"webhook-signature": "v2,é"},
        {"webhook-id": "msg_other"},
        {"webhook-id": ""},
        {"webhook-id": "x" * 300},
        {"webhook-timestamp": "0"},
        {"webhook-timestamp": "soon"},
    ],
)
async def test_tampered_delivery_is_refused_without_detail(
    spoil: dict[str, str], engine: Engine, client: httpx.AsyncClient
) -> None:
    headers = {name: value.encode() for name, value in (signed(told("A")) | spoil).items()}
    answer = await client.post("/hooks/shop", content=told("A"), headers=headers)
    assert (answer.status_code, answer.content) == (401, b"")
    assert await started(engine) == []


async def test_tampered_body_is_refused(engine: Engine, client: httpx.AsyncClient) -> None:
    answer = await client.post("/hooks/shop", content=told("B"), headers=signed(told("A")))
    assert answer.status_code == 401
    assert await started(engine) == []


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(minutes=4), 204),
        (timedelta(minutes=6), 401),
        (-timedelta(minutes=4), 204),
        (-timedelta(minutes=6), 401),
    ],
)
async def test_message_is_believed_within_the_replay_window_only(
    age: timedelta, status: int, client: httpx.AsyncClient
) -> None:
    assert (await post(client, told("A"), age=age)).status_code == status


async def test_both_secrets_are_taken_during_a_rotation_and_no_third(client: httpx.AsyncClient) -> None:
    keys = {KEY: 204, OLD_KEY: 204, b"a key that nobody has agreed upon": 401}
    for number, (key, status) in enumerate(keys.items()):
        assert (await post(client, told("A"), key=key, delivery_id=f"msg_{number}")).status_code == status


async def test_sender_in_rotation_may_sign_twice(client: httpx.AsyncClient) -> None:
    headers = signed(told("A"))
    headers["webhook-signature"] = f"v1,bm90IG91cnM= {headers['webhook-signature']}"
    assert (await client.post("/hooks/shop", content=told("A"), headers=headers)).status_code == 204


async def test_body_over_the_limit_is_refused_declared_or_not(engine: Engine, client: httpx.AsyncClient) -> None:
    body = b" " * LIMIT + told("A")

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 1000):
            yield body[start : start + 1000]

    declared = await client.post("/hooks/shop", content=body, headers=signed(body))
    streamed = await client.post("/hooks/shop", content=chunks(), headers=signed(body))
    assert (declared.status_code, streamed.status_code) == (413, 413)
    assert await started(engine) == []


@pytest.mark.parametrize(
    "body", [b"{}", b'{"order": {"id": ["A"]}}', b"[]", b"not JSON", b'{"order": NaN}', b"[" * 2000]
)
async def test_proven_delivery_that_is_no_work_item_is_refused_as_such(
    body: bytes, engine: Engine, client: httpx.AsyncClient
) -> None:
    assert (await post(client, body)).status_code == 422
    assert await started(engine) == []


@pytest.mark.parametrize(
    ("method", "path", "status"), [("POST", "/hooks/other", 404), ("GET", "/hooks/shop", 405), ("POST", "/", 404)]
)
async def test_other_addresses_and_methods_are_not_there(
    method: str, path: str, status: int, client: httpx.AsyncClient
) -> None:
    assert (await client.request(method, path)).status_code == status


@pytest.mark.parametrize(
    ("key", "status"), [("the-agreed-key", 204), ("the-previous-key", 204), ("another", 401), ("", 401), ("é", 401)]
)
async def test_address_with_a_key_opens_to_that_key_only(key: str, status: int, client: httpx.AsyncClient) -> None:
    body = told("A")
    answer = await client.post("/hooks/keyed", params={"key": key}, content=body, headers=signed(body))
    assert answer.status_code == status


async def test_store_that_is_down_lets_the_sender_repeat(
    engine: Engine, client: httpx.AsyncClient, store: Path
) -> None:
    with sqlite3.connect(store) as books:
        books.execute("ALTER TABLE deliveries RENAME TO elsewhere")
    answer = await post(client, told("A"))
    assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (503, b"", "30")
    with sqlite3.connect(store) as books:
        books.execute("ALTER TABLE elsewhere RENAME TO deliveries")
    assert (await post(client, told("A"))).status_code == 204
    assert await started(engine) == ["order A"]


async def test_log_tells_of_a_refusal_but_nothing_of_what_was_sent(client: httpx.AsyncClient) -> None:
    terminal = io.StringIO()
    log.configure(level="DEBUG", terminal=terminal)
    try:
        await client.post("/hooks/keyed?key=stolen-key", content=b"a body", headers={"webhook-id": "secret-id"})
        await client.post("/hooks/shop", content=b"a body", headers=signed(b"another"))
    finally:
        log.configure()
    lines = terminal.getvalue()
    assert Counter(word for word in lines.split() if word.startswith("why=")) == {"why=key": 1, "why=signature": 1}
    assert not any(word in lines for word in ("a body", "stolen-key", "secret-id"))


@BOTH_STORES
async def test_delivery_that_was_pruned_is_new_again(engine: Engine, client: httpx.AsyncClient) -> None:
    await post(client, told("A"))
    await engine.work()
    later = datetime.now(UTC) + timedelta(minutes=1)
    assert await engine.database.write(lambda connection: deliveries.prune(connection, later)) == 1
    await post(client, told("A"))
    assert await started(engine) == ["order A", "order A"]


async def test_request_under_way_when_the_server_is_stopped_is_answered(engine: Engine) -> None:
    webhook = Webhook("shop", "order", {"reference": "order.id"}, StandardWebhook([KEY], WINDOW))
    server = WebhookServer(webhook_app(engine, {"shop": Door(webhook)}, LIMIT), "127.0.0.1", 0)
    serving = asyncio.create_task(server.run())
    body, half_sent = told("A"), asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:5]
        half_sent.set()
        await asyncio.sleep(0.2)
        yield body[5:]

    async with httpx.AsyncClient(base_url=server.url, timeout=30) as client:
        posting = asyncio.create_task(client.post("/hooks/shop", content=slowly(), headers=signed(body)))
        await half_sent.wait()
        await asyncio.sleep(0.05)
        serving.cancel()
        assert (await posting).status_code == 204
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert await started(engine) == ["order A"]


def test_port_that_is_taken_is_told_in_one_sentence() -> None:
    first = WebhookServer(webhook_app(None, {}, LIMIT), "127.0.0.1", 0)  # type: ignore[arg-type]
    port = int(first.url.rpartition(":")[2])
    try:
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
            WebhookServer(webhook_app(None, {}, LIMIT), "127.0.0.1", port)  # type: ignore[arg-type]
    finally:
        first.close()


@pytest.mark.parametrize("secret", ["short", "whsec_!!!", "whsec_c2hvcnQ="])
def test_secret_that_is_none_is_refused(secret: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        key_of(secret)


def test_nothing_but_the_exact_key_proves() -> None:
    proof = StandardWebhook([KEY], WINDOW)
    headers = signed(b"{}", key=KEY[:-1])
    with pytest.raises(Unproven):
        proof.deliveries(Posted(headers, b"{}"), datetime.now(UTC))
