"""Tandem's JWT bearer login (RFC 7523) against Authlib's OAuth2 server."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from joserfc.jwk import RSAKey

from tandem.errors import LoginRefused
from tests.foreign import authlib_server
from tests.foreign.authlib_server import APP, AUDIENCE, USER
from tests.foreign.conftest import OpenPort
from tests.wrong_clock import WrongClock

KEY = RSAKey.generate_key(2048)
AUTH = {
    "kind": "jwt_bearer",
    "token_url": "/token",
    "client_id": APP,
    "username": USER,
    "audience": AUDIENCE,
}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with authlib_server.serving(KEY) as url:
        yield url


@pytest.fixture
def auth(tmp_path: Path) -> dict[str, object]:
    return AUTH | {"private_key_file": key_file(tmp_path, KEY)}


def key_file(folder: Path, key: RSAKey) -> Path:
    path = folder / "key.pem"
    path.write_bytes(key.as_pem(private=True))
    return path


async def test_assertion_signed_with_the_apps_key_gives_a_token(server: str, port: OpenPort, auth) -> None:
    assert (await port(server, auth).send("GET", "/orders")).status_code == 200


@pytest.mark.parametrize("ahead_s", [-200, -60, 60, 110])
async def test_clock_that_is_somewhat_wrong_is_forgiven(server: str, port: OpenPort, auth, ahead_s: float) -> None:
    assert (
        await port(server, auth, clock=WrongClock(timedelta(seconds=ahead_s))).send("GET", "/orders")
    ).status_code == 200


@pytest.mark.parametrize("ahead_s", [-300, 300], ids=["expired", "from the future"])
async def test_clock_that_is_far_wrong_is_named_as_a_cause(server: str, port: OpenPort, auth, ahead_s: float) -> None:
    with pytest.raises(LoginRefused, match=r"clock differs from the server's by [+-]\d+ seconds") as refused:
        await port(server, auth, clock=WrongClock(timedelta(seconds=ahead_s))).send("GET", "/orders")
    assert abs(float(refused.value.fields["drift_s"]) - ahead_s) < 30


async def test_assertion_signed_with_another_key_is_refused(server: str, port: OpenPort, auth, tmp_path: Path) -> None:
    other = {"private_key_file": key_file(tmp_path, RSAKey.generate_key(2048))}
    with pytest.raises(LoginRefused, match="invalid_grant"):
        await port(server, auth | other).send("GET", "/orders")


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"client_id": "stranger"}, "invalid_grant .The client does not exist on this server"),
        ({"username": "nobody@example.com"}, "invalid_grant .Invalid 'sub' value"),
        ({"username": "colleague@example.com"}, "invalid_client .Client has no permission"),
        ({"audience": "https://test.example.com"}, "invalid_grant .*aud"),
    ],
)
async def test_wrong_party_is_refused_in_the_servers_words(server: str, port: OpenPort, auth, wrong, code) -> None:
    with pytest.raises(LoginRefused, match=code):
        await port(server, auth | wrong).send("GET", "/orders")
