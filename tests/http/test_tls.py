"""TLS is verified, HTTP/2 is spoken where it is served."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from hypercorn.asyncio import serve
from hypercorn.config import Config

from tandem.errors import Unreachable, UsageError
from tests.http.wire import Asked, answer, serving


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority, tmp_path) -> Path:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def server_tls(authority) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def hello(asked: Asked) -> bytes:
    return answer()


async def test_authority_in_ca_file_is_trusted(port, ca_file, server_tls):
    async with serving(hello, server_tls) as server:
        assert (await port(server.url, ca_file=ca_file).send("GET", "/")).status_code == 200


async def test_token_fetched_under_tls_is_not_sent_in_clear_to_the_instance_it_names(port, ca_file, server_tls):
    async with serving(hello) as in_clear:

        async def granting(asked: Asked) -> bytes:
            return answer(body={"access_token": "the-access-token", "instance_url": in_clear.url})

        async with serving(granting, server_tls) as server:
            auth = {"kind": "client_credentials", "client_id": "app", "client_secret": "s3cret", "token_url": "/token"}
            await port(server.url, ca_file=ca_file, auth=auth).send("GET", "/orders")
        assert [asked.target for asked in server.asked] == ["/token", "/orders"]
        assert in_clear.asked == []


async def test_unknown_authority_is_unreachable_and_nothing_is_sent(port, server_tls):
    async with serving(hello, server_tls) as server:
        with pytest.raises(Unreachable, match="certificate"):
            await port(server.url).send("POST", "/", json={})
        assert server.asked == []


async def test_certificate_of_another_host_is_unreachable(port, ca_file, authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("other.example.com").configure_cert(context)
    async with serving(hello, context) as server:
        with pytest.raises(Unreachable):
            await port(server.url, ca_file=ca_file).send("POST", "/", json={})
        assert server.asked == []


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), ("no certificate", "no PEM certificate")])
def test_ca_file_that_cannot_be_used_is_told_in_one_sentence(port, tmp_path, content, why):
    path = tmp_path / "ca.pem"
    if content:
        path.write_text(content)
    with pytest.raises(UsageError, match=why):
        port("https://erp.example.com", ca_file=path)


async def test_http_2_is_spoken_where_it_is_served(port, ca_file, authority, tmp_path):
    async with http_2(authority, tmp_path) as url:
        erp = port(url, ca_file=ca_file)
        responses = await asyncio.gather(*(erp.send("GET", f"/{number}") for number in range(10)))
        assert {response.http_version for response in responses} == {"HTTP/2"}
        assert sorted(response.text for response in responses) == [f"/{number}" for number in range(10)]


@asynccontextmanager
async def http_2(authority: trustme.CA, folder: Path) -> AsyncIterator[str]:
    async def echo_path(scope, receive, send):
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": scope["path"].encode()})

    pem = folder / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(pem)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    config = Config()
    config.bind = [f"fd://{listener.detach()}"]
    config.certfile = config.keyfile = str(pem)
    config.accesslog = config.errorlog = None
    done = asyncio.Event()
    serving_task = asyncio.create_task(serve(echo_path, config, shutdown_trigger=done.wait))
    try:
        yield f"https://127.0.0.1:{port}"
    finally:
        done.set()
        await serving_task
