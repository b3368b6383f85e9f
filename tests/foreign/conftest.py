"""Real servers, started once for all tests."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings
from tests.foreign import node

OpenPort = Callable[..., HttpPort]
HERE = Path(__file__).parent
CAP_LOGIN = {"kind": "basic", "username": "TANDEM", "password": "a test's password"}


@pytest.fixture(scope="session")
def cap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiSettings]:
    """How to reach SAP's CAP server, which has the sales order service in OData V2 and V4."""
    home = node.installed(HERE / "cap")
    start = home / "node_modules" / "@sap" / "cds" / "bin" / "serve.js"
    log = tmp_path_factory.mktemp("cap") / "log"
    with node.serving(home, start, "--in-memory", "--port", "0", log=log) as url:
        yield ApiSettings.model_validate({"url": url, "auth": CAP_LOGIN})


@pytest.fixture(scope="session")
def oidc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of oidc-provider, with ``/orders`` that asks for its tokens and ``/clock`` to put it forward."""
    home = node.installed(HERE / "oidc")
    with node.serving(home, "server.js", log=tmp_path_factory.mktemp("oidc") / "log") as url:
        yield url


@pytest.fixture
async def port() -> AsyncIterator[OpenPort]:
    """``port(url, auth)``: an open HTTP port of the system ``erp``; more as HttpPort takes it."""
    opened: list[HttpPort] = []

    def open_port(url: str, auth: dict[str, object], **more: Any) -> HttpPort:
        opened.append(HttpPort("erp", ApiSettings.model_validate({"url": url, "auth": auth}), **more))
        return opened[-1]

    yield open_port
    for each in opened:
        await each.aclose()
