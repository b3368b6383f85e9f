"""Ports that are closed when a test ends."""

from collections.abc import AsyncIterator, Callable

import pytest

from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

OpenPort = Callable[..., HttpPort]


@pytest.fixture
async def port() -> AsyncIterator[OpenPort]:
    """``port(url, clock=..., **settings)``: an open port of the system ``erp``."""
    opened: list[HttpPort] = []

    def open_port(url: str, *, clock=None, **settings: object) -> HttpPort:
        opened.append(HttpPort("erp", ApiSettings.model_validate({"url": url, **settings}), clock))
        return opened[-1]

    yield open_port
    for each in opened:
        await each.aclose()
