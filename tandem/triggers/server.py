"""The HTTP server of the webhooks: bounds on what is read, and answers that tell a stranger nothing.

204 or the vendor's own acknowledgement: all of it is on the disk. 401: not proven. 413: too large. 408: too slow. 422:
proven, but no work item can be made of it. 503: the store is down; the sender is to repeat.
"""

import asyncio
import contextlib
import hmac
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tandem import log
from tandem.domain.delivery import Posted, Unproven, Unreadable
from tandem.engine.engine import Engine
from tandem.errors import StoreError, UsageError
from tandem.triggers.intake import Webhook, take_in

PREFIX = "/hooks/"
_READ_S = 10.0
_CLOSING_S = 10
_REPEAT_S = 30


@dataclass(frozen=True)
class Door:
    """A webhook with what its address must show besides the name: a key in the query, where one is agreed."""

    webhook: Webhook
    keys: tuple[str, ...] = ()

    def opens_to(self, key: str) -> bool:
        """Whether this key is one of those agreed."""
        return not self.keys or any(hmac.compare_digest(each.encode(), key.encode()) for each in self.keys)


class _TooLarge(Exception):
    """The body is over the limit."""


def webhook_app(engine: Engine, doors: Mapping[str, Door], max_body_bytes: int) -> Starlette:
    """``POST /hooks/<name>`` for every webhook."""

    async def receive(request: Request) -> Response:
        door = doors.get(request.path_params["name"])
        if door is None:
            return Response(status_code=404)
        return await _answer(engine, door, request, max_body_bytes)

    return Starlette(routes=[Route(PREFIX + "{name}", receive, methods=["POST"])])


async def _answer(engine: Engine, door: Door, request: Request, max_body_bytes: int) -> Response:
    webhook = door.webhook
    try:
        if not door.opens_to(request.query_params.get("key", "")):
            raise Unproven("key")
        async with asyncio.timeout(_READ_S):
            body = await _body(request, max_body_bytes)
        taken = await take_in(engine, webhook, Posted(dict(request.headers), body))
    except _TooLarge:
        return _refused(webhook, request, 413, "size")
    except TimeoutError:
        return _refused(webhook, request, 408, "time")
    except ClientDisconnect:
        return _refused(webhook, request, 400, "disconnected")
    except Unproven as unproven:
        return _refused(webhook, request, 401, unproven.why)
    except Unreadable as unreadable:
        return _refused(webhook, request, 422, unreadable.why)
    except StoreError as error:
        log.event("webhook.postponed", level="ERROR", webhook=webhook.name, why=str(error))
        return Response(status_code=503, headers={"retry-after": str(_REPEAT_S)})
    log.event("webhook.taken_in", webhook=webhook.name, new=taken.new, known=taken.known)
    reply = webhook.proof.reply()
    return Response(reply.body, reply.status, media_type=reply.media_type if reply.body else None)


def _refused(webhook: Webhook, request: Request, status: int, why: str) -> Response:
    peer = request.client.host if request.client else ""
    log.event("webhook.refused", level="WARNING", webhook=webhook.name, status=status, why=why, peer=peer)
    return Response(status_code=status, headers={"connection": "close"} if status in (408, 413) else None)


async def _body(request: Request, most: int) -> bytes:
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > most:
        raise _TooLarge
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise _TooLarge
    return bytes(body)


class WebhookServer:
    """The application on one address. ``port`` 0 takes a free one."""

    def __init__(self, app: ASGIApp, host: str, port: int) -> None:
        self._socket = _listening(host, port)
        self._host = host
        self._server = _Uvicorn(
            uvicorn.Config(
                app,
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                ws="none",
                timeout_graceful_shutdown=_CLOSING_S,
            )
        )

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._socket.getsockname()[1]}"

    async def run(self) -> None:
        """Serve until cancelled; requests under way are answered first."""
        serving = asyncio.create_task(self._server.serve(sockets=[self._socket]))
        try:
            await asyncio.shield(serving)
        finally:
            self._server.should_exit = True
            await serving
            self.close()

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


class _Uvicorn(uvicorn.Server):
    """uvicorn that leaves signals to the process it is part of."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise UsageError(
            "Webhooks cannot be served at {host}:{port}: {why}. Correct server.host and server.port in tandem.yaml.",
            host=host,
            port=port,
            why=error.strerror,
        ) from None
