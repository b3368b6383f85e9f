"""OAuth 2.0 logins: Authlib makes the requests and signs the assertions, the port's own client carries them."""

import asyncio
import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

import httpx
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oauth2.rfc7523 import JWTBearerGrant
from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from tandem.domain.clock import Clock
from tandem.errors import LoginRefused, TandemError, Throttled, Unavailable, UsageError
from tandem.http.refresh_token import RefreshToken, RefreshTokenInMemory
from tandem.http.session import Post, Session
from tandem.http.settings import ClientCredentialsAuth, JwtBearerAuth, OAuth, PasswordAuth, RefreshTokenAuth
from tandem.log import event, register_secret, scrub

_ASSERTION_LIFE_S = 180
_DRIFT_S = 60
"""How far clocks may differ without a word: an assertion is dated back so much, and servers forgive as much again."""
_TRANSIENT = ("temporarily_unavailable", "server_error", "slow_down", "unknown_error")
_LOGIN_RATE_S = 600.0


class TokenLogin:
    """Fetches access tokens by one grant. Awaiting a call raises LoginRefused, Throttled, Unavailable, Unreachable.

    ``refresh_token``: of a login by one, kept elsewhere; None: for the life of the process only.
    """

    def __init__(
        self,
        system: str,
        auth: OAuth,
        token_url: str,
        post: Post,
        clock: Clock,
        refresh_token: RefreshToken | None = None,
    ) -> None:
        self._system = system
        self._auth = auth
        self._token_url = token_url
        self._post = post
        self._clock = clock
        self._refresh_token = refresh_token
        if isinstance(auth, RefreshTokenAuth) and refresh_token is None:
            self._refresh_token = RefreshTokenInMemory(auth.refresh_token)
        self._private_key = _private_key(system, auth) if isinstance(auth, JwtBearerAuth) else None

    async def __call__(self) -> Session:
        if self._refresh_token is None:
            return await self._opened()
        async with self._refresh_token.turn():
            return await self._opened()

    async def _opened(self) -> Session:
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        form = await asyncio.to_thread(self._form)
        _, headers, body = self._client_auth().prepare("POST", self._token_url, headers, form)
        response = await self._post(self._token_url, headers, body)
        answer = _json(response)
        if response.status_code != 200 or not isinstance(answer.get("access_token"), str):
            raise self._refusal(response, answer)
        event("login.done", system=self._system, kind=self._auth.kind)
        return self._session(answer)

    def _form(self) -> str:
        """The grant's form; signing an assertion takes milliseconds, so not on the event loop."""
        auth, more = self._auth, {"scope": self._auth.scope} if self._auth.scope else {}
        if isinstance(auth, ClientCredentialsAuth):
            return str(prepare_token_request("client_credentials", **more))
        if isinstance(auth, PasswordAuth):
            password = auth.password.get_secret_value()
            return str(prepare_token_request("password", username=auth.username, password=password, **more))
        if isinstance(auth, RefreshTokenAuth):
            assert self._refresh_token is not None
            token = self._refresh_token.current().get_secret_value()
            return str(prepare_token_request("refresh_token", refresh_token=token, **more))
        return str(prepare_token_request(JWTBearerGrant.GRANT_TYPE, assertion=self._assertion(auth), **more))

    def _assertion(self, auth: JwtBearerAuth) -> str:
        parts = urlsplit(self._token_url)
        now = int(self._clock.now().timestamp())
        return str(
            sign_jwt_bearer_assertion(
                self._private_key,
                issuer=auth.client_id,
                audience=auth.audience or f"{parts.scheme}://{parts.netloc}",
                subject=auth.username,
                issued_at=now - _DRIFT_S,
                expires_at=now + _ASSERTION_LIFE_S,
                alg="RS256",
            )
        )

    def _client_auth(self) -> ClientAuth:
        """Who asks; in the Authorization header both parts are form-encoded first (RFC 6749, 2.3.1)."""
        given: SecretStr | None = getattr(self._auth, "client_secret", None)
        if given is None:
            return ClientAuth(self._auth.client_id, None, "none")
        client_id, secret = self._auth.client_id, given.get_secret_value()
        method = getattr(self._auth, "client_auth", "client_secret_post")
        if method == "client_secret_basic":
            client_id, secret = quote_plus(client_id), quote_plus(secret)
        return ClientAuth(client_id, secret, method)

    def _session(self, answer: Mapping[str, Any]) -> Session:
        token = answer["access_token"]
        register_secret(token)
        rotated = answer.get("refresh_token")
        if self._refresh_token is not None and isinstance(rotated, str):
            register_secret(rotated)
            self._refresh_token.replace(SecretStr(rotated))
        life_s = str(answer.get("expires_in"))
        return Session(
            {"authorization": f"Bearer {token}"},
            base_url=_instance_url(answer, self._token_url),
            ends_at_s=self._clock.monotonic_s() + int(life_s) if life_s.isdecimal() else None,
        )

    def _refusal(self, response: httpx.Response, answer: Mapping[str, Any]) -> TandemError:
        status = response.status_code
        code = str(answer.get("error") or f"status {status}")[:64]
        said = scrub(str(answer.get("error_description") or code))[:200]
        if re.search("rate exceeded", said, re.IGNORECASE):
            return Throttled(
                "{system} takes no more logins for now: {said}. Nothing was sent. Log in less often, or wait.",
                retry_after_s=_LOGIN_RATE_S,
                system=self._system,
                said=said,
            )
        if code in _TRANSIENT or status not in (400, 401, 403):
            return Unavailable(
                "{system} gave no token at {url}: {said}. Nothing was sent. Try again later, and check token_url.",
                system=self._system,
                url=self._token_url,
                said=said,
            )
        told: dict[str, Any] = {
            "system": self._system,
            "kind": self._auth.kind,
            "url": self._token_url,
            "code": code,
            "said": said,
        }
        drift_s = self._drift_s(response)
        if isinstance(self._auth, JwtBearerAuth) and abs(drift_s) > _DRIFT_S:
            return LoginRefused(
                "{system} refused the login by {kind} at {url}: {code} ({said}). Nothing was sent. This machine's "
                "clock differs from the server's by {drift_s} seconds: set it right, then try again.",
                **told,
                drift_s=f"{drift_s:+.0f}",
            )
        return LoginRefused(
            "{system} refused the login by {kind} at {url}: {code} ({said}). Nothing was sent. Check client_id and the "
            "secrets of its auth in tandem.yaml, and that the app is approved for this user.",
            **told,
        )

    def _drift_s(self, response: httpx.Response) -> float:
        """How far our clock is ahead of the server's, which it tells with its answer; 0 when it does not."""
        try:
            theirs = parsedate_to_datetime(response.headers["date"])
        except (KeyError, ValueError):
            return 0.0
        return (self._clock.now() - theirs).total_seconds() if theirs.tzinfo else 0.0


def _instance_url(answer: Mapping[str, Any], token_url: str) -> str | None:
    """Where the vendor wants the calls. A token fetched under TLS is not sent in clear, whatever the answer says."""
    url = answer.get("instance_url")
    schemes = ("https",) if token_url.startswith("https:") else ("http", "https")
    return url.rstrip("/") if isinstance(url, str) and urlsplit(url).scheme in schemes else None


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        answer = response.json()
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _private_key(system: str, auth: JwtBearerAuth) -> RSAKey:
    try:
        key = RSAKey.import_key(auth.private_key_file.read_bytes())
    except OSError as error:
        raise _unreadable(system, auth, error.strerror) from None
    except (JoseError, ValueError, TypeError):
        raise _unreadable(system, auth, "it holds no RSA key in PEM") from None
    if not key.is_private:
        raise _unreadable(system, auth, "it holds the public half only")
    return key


def _unreadable(system: str, auth: JwtBearerAuth, why: str | None) -> UsageError:
    return UsageError(
        "The private key {path} of system {system} cannot be used: {why}. Name a PEM file with an RSA private key, "
        "unencrypted and readable.",
        path=auth.private_key_file,
        system=system,
        why=why,
    )
