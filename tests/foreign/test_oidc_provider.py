"""Tandem's logins against oidc-provider, a certified OAuth2 server: client credentials, and refresh with rotation."""

import asyncio
import base64
import hashlib
import re
import secrets
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from pydantic import SecretStr

from tandem.errors import LoginRefused
from tandem.http.port import HttpPort
from tandem.vault import Vault
from tandem.workspace.kept_refresh_token import KeptRefreshToken
from tests.foreign.conftest import OpenPort

POSTING = {
    "kind": "client_credentials",
    "token_url": "/token",
    "client_id": "posting",
    "client_secret": "top-secret",
}
BASIC = POSTING | {
    "client_id": "basic: client",
    "client_secret": "p+q %2F:=&!",
    "client_auth": "client_secret_basic",
}
CLERK = {"kind": "refresh_token", "token_url": "/token", "client_id": "clerk", "client_secret": "top-secret"}
BACK = "https://tandem.example/back"


async def orders(erp: HttpPort) -> int:
    """The status of a call that the server answers for its own tokens only."""
    return (await erp.send("GET", "/orders")).status_code


async def put_forward(url: str, seconds: int) -> None:
    async with httpx.AsyncClient() as client:
        await client.post(f"{url}/clock?ahead_s={seconds}")


@pytest.fixture
async def refresh_token(oidc: str) -> str:
    """A refresh token as a clerk's approval in the browser gives it: authorization code with PKCE, login, consent."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    asked = {
        "client_id": "clerk",
        "response_type": "code",
        "redirect_uri": BACK,
        "scope": "openid offline_access orders",
        "prompt": "consent",
        "code_challenge": challenge,
        "code_challenge_method": "S256",
    }
    async with httpx.AsyncClient(base_url=oidc, follow_redirects=False) as browser:
        page = await followed(browser, await browser.get("/auth", params=asked))
        while not str(page.headers.get("location", "")).startswith(BACK):
            prompt = re.search(r'name="prompt" value="(\w+)"', page.text)
            assert prompt is not None, page.text
            filled = {"prompt": prompt[1], "login": "clerk", "password": "any"}
            page = await followed(browser, await browser.post(page.url, data=filled))
        code = parse_qs(urlsplit(page.headers["location"]).query)["code"][0]
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": BACK}
        granted = await browser.post("/token", data=form | {"client_id": "clerk", "client_secret": "top-secret"})
    return str(granted.json()["refresh_token"])


async def followed(browser: httpx.AsyncClient, page: httpx.Response) -> httpx.Response:
    """The page behind the redirects, or the redirect that leads back to the client."""
    while page.is_redirect and not page.headers["location"].startswith(BACK):
        page = await browser.get(page.headers["location"])
    return page


async def test_client_credentials_give_a_token_the_server_takes(oidc: str, port: OpenPort) -> None:
    erp = port(oidc, POSTING)
    assert [await orders(erp) for _ in range(3)] == [200, 200, 200]
    assert erp.calls == 4


async def test_secret_with_special_characters_is_understood_in_the_header(oidc: str, port: OpenPort) -> None:
    assert await orders(port(oidc, BASIC)) == 200


@pytest.mark.parametrize("auth", [POSTING, BASIC], ids=["posted", "in the header"])
async def test_wrong_secret_is_a_refused_login_in_the_servers_words(oidc: str, port: OpenPort, auth) -> None:
    with pytest.raises(LoginRefused, match=r"invalid_client .client authentication failed") as refused:
        await orders(port(oidc, auth | {"client_secret": "wrong-secret"}))
    assert "wrong-secret" not in str(refused.value)


async def test_scope_the_server_does_not_give_is_a_refused_login(oidc: str, port: OpenPort) -> None:
    with pytest.raises(LoginRefused, match="invalid_scope"):
        await orders(port(oidc, POSTING | {"scope": "orders offline_access"}))


async def test_token_that_expired_on_the_servers_clock_is_renewed_once(oidc: str, port: OpenPort) -> None:
    erp = port(oidc, POSTING)
    await orders(erp)
    await put_forward(oidc, 3601)
    before = erp.calls
    assert await orders(erp) == 200
    assert erp.calls - before == 3


async def test_rotated_refresh_token_is_carried_on(oidc: str, port: OpenPort, refresh_token: str) -> None:
    erp = port(oidc, CLERK | {"refresh_token": refresh_token})
    for _ in range(3):
        assert await orders(erp) == 200
        await put_forward(oidc, 3601)
    assert await orders(erp) == 200


async def test_refresh_token_used_a_second_time_ends_the_approval(oidc: str, port: OpenPort, refresh_token) -> None:
    first, second = (port(oidc, CLERK | {"refresh_token": refresh_token}) for _ in range(2))
    assert await orders(first) == 200
    for each in (second, first):
        with pytest.raises(LoginRefused, match="invalid_grant"):
            await each.login()


async def test_processes_that_share_the_kept_token_log_in_by_turns(oidc, port, refresh_token, tmp_path) -> None:
    vault, file = Vault(Vault.new_key()), tmp_path / "erp.refresh_token"

    def process() -> HttpPort:
        kept = KeptRefreshToken(vault, file, system="erp", given=SecretStr(refresh_token))
        return port(oidc, CLERK | {"refresh_token": refresh_token}, refresh_token=kept)

    for _ in range(2):
        side_by_side = [process() for _ in range(3)]
        await asyncio.gather(*(each.login() for each in side_by_side for _ in range(2)))
        assert [await orders(each) for each in side_by_side] == [200, 200, 200]


async def test_refresh_token_that_expired_is_a_refused_login(oidc: str, port: OpenPort, refresh_token: str) -> None:
    await put_forward(oidc, 25 * 3600)
    with pytest.raises(LoginRefused, match="invalid_grant"):
        await orders(port(oidc, CLERK | {"refresh_token": refresh_token}))
