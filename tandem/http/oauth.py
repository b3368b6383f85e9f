"""OAuth 2.0 logins: Authlib makes the requests and signs the assertions, the port's own client carries them."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

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
from tandem.http.session import Session
from tandem.http.settings import ClientCredentialsAuth, JwtBearerAuth, OAuth, PasswordAuth, RefreshTokenAuth
from tandem.log import event, register_secret, scrub

Post = Callable[[str, Mapping[str, str], str], Awaitable[httpx.Response]]
"""POST a form to an address; raises as a safe request does."""

_ASSERTION_LIFE_S = 180
_TRANSIENT = ("temporarily_unavailable", "server_error", "slow_down", "unknown_error")
_LOGIN_RATE_S = 600.0


class TokenLogin:
    """Fetches access tokens by one grant. Awaiting a call raises LoginRefused, Throttled, Unavailable, Unreachable.

    A refresh token that the vendor rotates is kept for the life of the process.
    """

    def __init__(self, system: str, auth: OAuth, token_url: str, post: Post, clock: Clock) -> None:
        self._system = system
        self._auth = auth
        self._token_url = token_url
        self._post = post
        self._clock = clock
        self._refresh_token = auth.refresh_token if isinstance(auth, RefreshTokenAuth) else None
        self._private_key = _private_key(system, auth) if isinstance(auth, JwtBearerAuth) else None

    async def __call__(self) -> Session:
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        form = await asyncio.to_thread(self._form)
        _, headers, body = self._client_auth().prepare("POST", self._token_url, headers, form)
        response = await self._post(self._token_url, headers, body)
        answer = _json(response)
        if response.status_code != 200 or not isinstance(answer.get("access_token"), str):
            raise self._refusal(response.status_code, answer)
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
            token = self._refresh_token.get_secret_value()
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
                issued_at=now,
                expires_at=now + _ASSERTION_LIFE_S,
                alg="RS256",
            )
        )

    def _client_auth(self) -> ClientAuth:
        secret: SecretStr | None = getattr(self._auth, "client_secret", None)
        method = getattr(self._auth, "client_auth", "client_secret_post") if secret else "none"
        return ClientAuth(self._auth.client_id, secret.get_secret_value() if secret else None, method)

    def _session(self, answer: Mapping[str, Any]) -> Session:
        token = answer["access_token"]
        register_secret(token)
        rotated = answer.get("refresh_token")
        if self._refresh_token is not None and isinstance(rotated, str):
            register_secret(rotated)
            self._refresh_token = SecretStr(rotated)
        life_s = str(answer.get("expires_in"))
        return Session(
            {"authorization": f"Bearer {token}"},
            base_url=_instance_url(answer, self._token_url),
            ends_at_s=self._clock.monotonic_s() + int(life_s) if life_s.isdecimal() else None,
        )

    def _refusal(self, status: int, answer: Mapping[str, Any]) -> TandemError:
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
        return LoginRefused(
            "{system} refused the login by {kind} at {url}: {code} ({said}). Nothing was sent. Check client_id and the "
            "secrets of its auth in tandem.yaml, and that the app is approved for this user.",
            system=self._system,
            kind=self._auth.kind,
            url=self._token_url,
            code=code,
            said=said,
        )


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
