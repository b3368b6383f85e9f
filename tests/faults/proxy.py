"""A proxy between our client and a server that others wrote: it loses, delays and breaks the answer to one call."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

import httpx

from tests.http.wire import Asked, answer, serving

READ_S, SETTLE_S, LATE_S = 10.0, 20.0, 20.0
"""How long the client waits for an answer, and for a commit; and when it looks for a late twin."""

WITHIN_S, BEYOND_S = READ_S + 3, READ_S + SETTLE_S + 6
_FOR_EVER_S = 600.0
_LOGIN = b'"common.db.login"'
_OF_THIS_HOP = ("host", "connection", "content-length", "accept-encoding")
_PIECES, _PIECE_S = 40, 0.05

Forward = Callable[[], Awaitable[bytes]]
"""Hands the request on to the server; the answer's bytes."""
Mishap = Callable[[Asked, Forward], Awaitable[bytes]]


async def _lost_answer(asked: Asked, forward: Forward) -> bytes:
    await forward()
    await asyncio.sleep(_FOR_EVER_S)
    return b""


async def _late_answer(asked: Asked, forward: Forward) -> bytes:
    told = await forward()
    await asyncio.sleep(READ_S + 1)
    return told


def _late_commit(held_s: float) -> Mishap:
    async def mishap(asked: Asked, forward: Forward) -> bytes:
        await asyncio.sleep(held_s)
        return await forward()

    return mishap


async def _reset_before_commit(asked: Asked, forward: Forward) -> bytes:
    asked.reset()
    return b""


async def _reset_after_commit(asked: Asked, forward: Forward) -> bytes:
    await forward()
    asked.reset()
    return b""


async def _bad_gateway_before_commit(asked: Asked, forward: Forward) -> bytes:
    return answer(502, b"<html><h1>502 Bad Gateway</h1></html>")


async def _bad_gateway_after_commit(asked: Asked, forward: Forward) -> bytes:
    await forward()
    return answer(502, b"<html><h1>502 Bad Gateway</h1></html>")


async def _trickle(asked: Asked, forward: Forward) -> bytes:
    for piece in _pieces(await forward()):
        asked.writer.write(piece)
        await asyncio.sleep(_PIECE_S)
    return b""


async def _broken_trickle(asked: Asked, forward: Forward) -> bytes:
    for piece in _pieces(await forward())[:-1]:
        asked.writer.write(piece)
        await asyncio.sleep(_PIECE_S)
    asked.reset()
    return b""


def _pieces(told: bytes) -> list[bytes]:
    size = -(-len(told) // _PIECES)
    return [told[first : first + size] for first in range(0, len(told), size)]


MISHAPS: Mapping[str, Mishap] = {
    "lost answer": _lost_answer,
    "late answer": _late_answer,
    "late commit, within settling": _late_commit(WITHIN_S),
    "late commit, after settling": _late_commit(BEYOND_S),
    "reset before commit": _reset_before_commit,
    "reset after commit": _reset_after_commit,
    "502 before commit": _bad_gateway_before_commit,
    "502 after commit": _bad_gateway_after_commit,
    "slow trickle": _trickle,
    "trickle that breaks": _broken_trickle,
}


class Server:
    """What proxies hand on to. A login takes it long to compute: the answer to the first is everybody's."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http, self._logging_in = http, asyncio.Lock()
        self._login: bytes | None = None

    async def answer(self, asked: Asked) -> bytes:
        if _LOGIN not in asked.body:
            return await self._handed_on(asked)
        async with self._logging_in:
            self._login = self._login or await self._handed_on(asked)
        return self._login

    async def _handed_on(self, asked: Asked) -> bytes:
        kept = {name: value for name, value in asked.headers.items() if name not in _OF_THIS_HOP}
        told = await self._http.request(asked.method, asked.target, headers=kept, content=asked.body)
        return answer(told.status_code, told.content, content_type=told.headers["content-type"])


@dataclass
class Proxy:
    """Hands everything on, but for the first request that holds ``marked`` in its address or body.

    ``struck`` once that came.
    """

    server: Server
    marked: bytes
    mishap: Mishap
    url: str = ""
    struck: bool = False

    async def handle(self, asked: Asked) -> bytes:
        if self.struck or self.marked not in asked.target.encode() + asked.body:
            return await self.server.answer(asked)
        self.struck = True
        return await self.mishap(asked, partial(self.server.answer, asked))


@asynccontextmanager
async def server_behind(url: str) -> AsyncIterator[Server]:
    """The server at ``url``."""
    async with httpx.AsyncClient(base_url=url, timeout=_FOR_EVER_S) as http:
        yield Server(http)


@asynccontextmanager
async def proxied(server: Server, marked: str, mishap: Mishap) -> AsyncIterator[Proxy]:
    """A proxy in front of the server."""
    proxy = Proxy(server, marked.encode(), mishap)
    async with serving(proxy.handle) as wire:
        proxy.url = wire.url
        yield proxy
