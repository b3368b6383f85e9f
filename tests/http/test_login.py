"""Logins: every kind of auth, one login for any number of callers, and no secret in any sentence."""

import asyncio
import base64
import io
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwt
from joserfc.jwk import RSAKey
from pydantic import ValidationError

from tandem import log
from tandem.errors import LoginRefused, Throttled, Unavailable, Unreachable, UsageError
from tandem.http.session import Post, Session
from tandem.http.settings import ApiSettings, SessionAuth
from tests.http.hand_clock import HandClock
from tests.http.wire import Asked, answer, closed_port, serving

CLIENT = {"kind": "client_credentials", "client_id": "tandem", "client_secret": "top-secret", "token_url": "/token"}


class Vendor:
    """Answers with 401 unless the token is the last one it gave; counts its logins."""

    def __init__(self, **granted: object) -> None:
        self.granted = granted
        self.forms: list[dict[str, str]] = []
        self.heads: list[dict[str, str]] = []
        self.refusal: bytes | None = None
        self.valid = ""
        self.was_asked = asyncio.Event()

    async def __call__(self, asked: Asked) -> bytes:
        if asked.target == "/token":
            return await self._token(asked)
        if asked.headers.get("authorization") != f"Bearer {self.valid}":
            return answer(401, [{"errorCode": "INVALID_SESSION_ID"}])
        return answer(body={"path": asked.target})

    async def _token(self, asked: Asked) -> bytes:
        self.forms.append({name: values[0] for name, values in parse_qs(asked.body.decode()).items()})
        self.heads.append(asked.headers)
        self.was_asked.set()
        await asyncio.sleep(0.02)
        if self.refusal is not None:
            return self.refusal
        self.valid = f"token-number-{len(self.forms)}"
        return answer(body={"access_token": self.valid, "token_type": "Bearer", **self.granted})


@pytest.mark.parametrize(("more", "sent"), [({}, "key-4711"), ({"scheme": "Bearer"}, "Bearer key-4711")])
async def test_api_key_goes_into_the_header_of_the_vendors_choice(port, more, sent):
    async def keyed(asked: Asked) -> bytes:
        return answer(body=asked.headers.get("x-key"))

    async with serving(keyed) as server:
        erp = port(server.url, auth={"kind": "api_key", "header": "X-Key", "key": "key-4711", **more})
        assert (await erp.send("GET", "/")).json() == sent


async def test_basic_sends_user_and_password_in_utf_8(port):
    async def named(asked: Asked) -> bytes:
        return answer(body=base64.b64decode(asked.headers["authorization"][6:]).decode())

    async with serving(named) as server:
        erp = port(server.url, auth={"kind": "basic", "username": "李雷", "password": "密码:1"})
        assert (await erp.send("GET", "/")).json() == "李雷:密码:1"


async def test_vendors_own_call_opens_a_session_and_again_when_it_has_ended(port):
    opened: list[tuple[str, str]] = []

    async def opening(auth: SessionAuth, post: Post) -> Session:
        told = await post("/open", {"content-type": "text/plain"}, auth.username)
        opened.append((auth.password.get_secret_value(), told.json()))
        return Session({"x-session": told.json()})

    async def vendor(asked: Asked) -> bytes:
        if asked.target == "/open":
            return answer(body=f"{asked.body.decode()}-{len(opened)}")
        return answer(200 if asked.headers.get("x-session") == "tandem-1" else 401, body={})

    async with serving(vendor) as server:
        erp = port(server.url, auth={"kind": "session", "username": "tandem", "password": "secret-4711"})
        erp.opens_sessions_by(opening)
        assert (await erp.send("GET", "/")).status_code == 200
    assert opened == [("secret-4711", "tandem-0"), ("secret-4711", "tandem-1")]


async def test_session_of_a_vendor_without_such_a_login_is_one_sentence(port):
    erp = port("http://127.0.0.1:1", auth={"kind": "session", "username": "tandem", "password": "secret-4711"})
    with pytest.raises(UsageError, match=r"auth of kind session.*another kind in tandem\.yaml"):
        await erp.send("GET", "/")


async def test_token_is_fetched_once_and_kept(port):
    vendor = Vendor()
    async with serving(vendor) as server:
        erp = port(server.url, auth=CLIENT | {"scope": "api"})
        await asyncio.gather(*(erp.send("GET", "/orders") for _ in range(20)))
        assert vendor.forms == [
            {
                "grant_type": "client_credentials",
                "client_id": "tandem",
                "client_secret": "top-secret",
                "scope": "api",
            }
        ]


@pytest.mark.parametrize(("secret", "sent"), [("top-secret", b"top-secret"), ("a:+%密", b"a%3A%2B%25%E5%AF%86")])
async def test_client_secret_can_travel_form_encoded_in_the_header_instead(port, secret, sent):
    vendor = Vendor()
    auth = CLIENT | {"client_auth": "client_secret_basic", "client_secret": secret}
    async with serving(vendor) as server:
        await port(server.url, auth=auth).send("GET", "/orders")
        assert "client_secret" not in vendor.forms[0]
        assert base64.b64decode(vendor.heads[0]["authorization"][6:]) == b"tandem:" + sent


async def test_64_callers_with_an_expired_token_share_one_login(port):
    vendor = Vendor()
    async with serving(vendor) as server:
        erp = port(server.url, auth=CLIENT, quota={"concurrent": 64})
        await erp.send("GET", "/orders")
        vendor.valid = "expired on the vendor's side"
        responses = await asyncio.gather(*(erp.send("POST", f"/orders/{n}", json={}) for n in range(64)))
        assert [response.json()["path"] for response in responses] == [f"/orders/{n}" for n in range(64)]
        assert len(vendor.forms) == 2


async def test_64_callers_share_the_refusal_of_one_login(port):
    vendor = Vendor()
    vendor.refusal = answer(400, {"error": "invalid_client", "error_description": "invalid client credentials"})
    async with serving(vendor) as server:
        erp = port(server.url, auth=CLIENT, quota={"concurrent": 64})
        results = await asyncio.gather(*(erp.send("GET", "/") for _ in range(64)), return_exceptions=True)
        assert {type(result) for result in results} == {LoginRefused}
        assert len(vendor.forms) == 1


async def test_caller_who_gives_up_does_not_end_the_login_of_the_others(port):
    vendor = Vendor()
    async with serving(vendor) as server:
        erp = port(server.url, auth=CLIENT)
        first, second = (asyncio.create_task(erp.send("GET", "/orders")) for _ in range(2))
        await vendor.was_asked.wait()
        first.cancel()
        assert (await second).status_code == 200
        assert first.cancelled()
        assert len(vendor.forms) == 1


async def test_login_asked_for_is_a_fresh_one(port):
    vendor = Vendor()
    async with serving(vendor) as server:
        erp = port(server.url, auth=CLIENT)
        await erp.send("GET", "/orders")
        await erp.login()
        assert (await erp.send("GET", "/orders")).status_code == 200
        assert len(vendor.forms) == 2


async def test_announced_end_of_a_token_is_not_waited_for(port):
    vendor = Vendor(expires_in=3600)
    clock = HandClock()
    async with serving(vendor) as server:
        erp = port(server.url, auth=CLIENT, clock=clock)
        await erp.send("GET", "/orders")
        clock.at_s += 3500
        await erp.send("GET", "/orders")
        assert len(vendor.forms) == 1
        clock.at_s += 80
        await erp.send("GET", "/orders")
        assert len(vendor.forms) == 2


async def test_instance_url_of_the_token_becomes_the_base_address(port):
    vendor = Vendor()
    async with serving(vendor) as login_host, serving(vendor) as instance:
        vendor.granted["instance_url"] = instance.url
        crm = port(login_host.url, auth=CLIENT)
        await crm.send("GET", "/orders")
        assert [asked.target for asked in login_host.asked] == ["/token"]
        assert [asked.target for asked in instance.asked] == ["/orders"]


async def test_rotated_refresh_token_is_used_for_the_next_login(port):
    vendor = Vendor(refresh_token="second-refresh-token")
    auth = {"kind": "refresh_token", "client_id": "tandem", "refresh_token": "first-refresh-token"}
    async with serving(vendor) as server:
        erp = port(server.url, auth=auth | {"token_url": f"{server.url}/token"})
        await erp.send("GET", "/orders")
        await erp.login()
        assert [form["refresh_token"] for form in vendor.forms] == ["first-refresh-token", "second-refresh-token"]
        assert vendor.forms[0] == {
            "grant_type": "refresh_token",
            "client_id": "tandem",
            "refresh_token": "first-refresh-token",
        }


async def test_password_grant_sends_user_and_password_in_the_form(port):
    vendor = Vendor()
    async with serving(vendor) as server:
        auth = CLIENT | {"kind": "password", "username": "TANDEM", "password": "top-secret&2"}
        await port(server.url, auth=auth).send("GET", "/orders")
        assert vendor.forms[0]["username"] == "TANDEM"
        assert vendor.forms[0]["password"] == "top-secret&2"


async def test_jwt_bearer_signs_who_asks_whom_until_when(port, tmp_path):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = tmp_path / "key.pem"
    pem.write_bytes(_pem(key))
    vendor = Vendor()
    clock = HandClock()
    async with serving(vendor) as server:
        auth = {"kind": "jwt_bearer", "client_id": "app", "username": "bot@example.com", "token_url": "/token"}
        crm = port(server.url, clock=clock, auth=auth | {"private_key_file": pem})
        await crm.send("GET", "/orders")
        assert vendor.forms[0]["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        token = jwt.decode(vendor.forms[0]["assertion"], RSAKey.import_key(key.public_key()), algorithms=["RS256"])
        now = int(clock.now().timestamp())
        expected = {"iss": "app", "sub": "bot@example.com", "aud": server.url, "iat": now - 60, "exp": now + 180}
        assert expected.items() <= token.claims.items()


def _pem(key: rsa.RSAPrivateKey, encryption: serialization.KeySerializationEncryption | None = None) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        encryption or serialization.NoEncryption(),
    )


def _locked_pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return _pem(key, serialization.BestAvailableEncryption(b"passphrase"))


def _public_pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).public_key()
    return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"hello", "no RSA key"), (_locked_pem, "no RSA key"), (_public_pem, "public half")],
    ids=["missing", "no key", "encrypted", "public"],
)
def test_private_key_that_cannot_be_used_is_told_in_one_sentence(port, tmp_path, content, why):
    path = tmp_path / "key.pem"
    if content is not None:
        path.write_bytes(content() if callable(content) else content)
    auth = {"kind": "jwt_bearer", "client_id": "app", "username": "bot", "token_url": "/token"}
    with pytest.raises(UsageError, match=why):
        port("https://crm.example.com", auth=auth | {"private_key_file": path})


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (answer(400, {"error": "invalid_grant", "error_description": "authentication failure"}), LoginRefused),
        (answer(401, {"error": "invalid_client"}), LoginRefused),
        (answer(400, {"error": "unknown_error", "error_description": "retry your request"}), Unavailable),
        (answer(400, {"error": "invalid_grant", "error_description": "login rate exceeded"}), Throttled),
        (answer(429, {}, retry_after="60"), Throttled),
        (answer(503, b"<html>maintenance</html>"), Unavailable),
        (answer(200, b"<html>please log in</html>"), Unavailable),
        (answer(200, {"token_type": "Bearer"}), Unavailable),
        (answer(404, b"<html>nothing here</html>"), Unavailable),
    ],
)
async def test_login_that_fails_says_whether_to_ask_again_and_nothing_was_sent(port, refusal, expected):
    vendor = Vendor()
    vendor.refusal = refusal
    async with serving(vendor) as server:
        with pytest.raises(expected) as failed:
            await port(server.url, auth=CLIENT).send("POST", "/orders", json={})
        assert "top-secret" not in str(failed.value)
        assert [asked.target for asked in server.asked] == ["/token"]


async def test_log_of_logins_renewals_and_refusals_holds_no_secret_and_no_token(port, tmp_path):
    vendor = Vendor(refresh_token="rotated-refresh-token")
    auth = {
        "kind": "refresh_token",
        "client_id": "tandem",
        "client_secret": "top-secret",
        "refresh_token": "first-refresh-token",
        "token_url": "/token",
    }
    log.configure(file=tmp_path / "log", terminal=io.StringIO())
    async with serving(vendor) as server:
        erp = port(server.url, auth=auth)
        await erp.send("GET", "/orders")
        vendor.valid = "expired on the vendor's side"
        await erp.send("GET", "/orders")
        vendor.valid = "expired once more"
        echo = "unknown token token-number-2, or rotated-refresh-token"
        vendor.refusal = answer(400, {"error": "invalid_grant", "error_description": echo})
        with pytest.raises(LoginRefused) as refused:
            await erp.send("GET", "/orders")
    told = (tmp_path / "log").read_text() + str(refused.value)
    assert told.count('"login.done"') == 2
    assert told.count('"http.called"') == 7
    for secret in ("top-secret", "first-refresh-token", "rotated-refresh-token", "token-number"):
        assert secret not in told


async def test_login_host_that_does_not_answer_is_unreachable(port):
    vendor = Vendor()
    async with serving(vendor) as server:
        erp = port(server.url, auth=CLIENT | {"token_url": f"http://127.0.0.1:{closed_port()}/token"})
        with pytest.raises(Unreachable):
            await erp.send("POST", "/orders", json={})


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"url": "erp.example.com"}, "no address such as https://"),
        ({"url": "ftp://erp.example.com"}, "no address such as https://"),
        ({"url": "http://erp.example.com:abc"}, "no address such as https://"),
        ({"url": "http://erp.example.com:99999"}, "no address such as https://"),
        ({"url": "http://erp example.com"}, "no address such as https://"),
        ({"url": "https://user:pass@erp.example.com"}, "no user name or password"),
        ({"url": "https://erp.example.com?sap-client=100"}, "query"),
        ({"url": "https://erp.example.com", "auth": {"kind": "ntlm"}}, "'none', 'basic'"),
        ({"url": "https://erp.example.com", "quota": {"concurrent": 0}}, "greater than 0"),
        ({"url": "https://erp.example.com", "timeout": 3}, "Extra inputs"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_valid(wrong, told):
    with pytest.raises(ValidationError, match=told):
        ApiSettings.model_validate(wrong)
