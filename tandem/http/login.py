"""Logging in: headers for every call, and an OAuth2 token that many callers share and one renews."""

import asyncio
import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urljoin

import httpx
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from authlib.oauth2.rfc7523 import JWT_BEARER_GRANT_TYPE
from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion

from tandem.errors import AccessRefused, TandemError, Unavailable
from tandem.http.settings import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    ClientCredentialsAuth,
    JwtBearerAuth,
    NoAuth,
    OAuth,
    PasswordAuth,
    RefreshTokenAuth,
)
from tandem.log import register_secret

JWT_LIFE_S = 180
Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[httpx.Response]]


class Login:
    """The credentials of one system. ``post`` sends a form to the token endpoint.

    ``base_url`` becomes the ``instance_url`` of a token answer that names one.
    """

    def __init__(self, system: str, base_url: str, auth: Auth, post: Post) -> None:
        self._system, self._auth, self._post = system, auth, post
        self.base_url = base_url
        self._login_url = base_url
        self._headers = _fixed_headers(auth)
        self._refresh_token = auth.refresh_token.get_secret_value() if isinstance(auth, RefreshTokenAuth) else ""
        self._lock = asyncio.Lock()
        self.generation = 0
        """Counts logins: a caller whose 401 is older than the newest login need not log in again."""

    @property
    def renews(self) -> bool:
        """Whether logging in again can help."""
        return not isinstance(self._auth, (NoAuth, BasicAuth, ApiKeyAuth))

    async def headers(self) -> Mapping[str, str]:
        """The headers that say who we are; logs in first where that is needed. Raises AccessRefused."""
        if self._headers is None:
            await self.renew(self.generation)
        assert self._headers is not None
        return self._headers

    async def renew(self, generation: int) -> None:
        """Log in afresh, unless somebody has since ``generation``. Raises AccessRefused, Unavailable, Unreachable."""
        async with self._lock:
            if self.generation == generation and self.renews:
                assert not isinstance(self._auth, (NoAuth, BasicAuth, ApiKeyAuth))
                self._take(await self._token(self._auth))
                self.generation += 1

    async def _token(self, auth: OAuth) -> Mapping[str, Any]:
        body = prepare_token_request(**self._grant(auth))
        url = urljoin(self._login_url.rstrip("/") + "/", auth.token_url)
        headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
        response = await self._post(url, body.encode(), headers | _client_headers(auth))
        data = _json(response)
        if response.status_code == 200 and "access_token" in data:
            return data
        raise self._refusal(response, data)

    def _grant(self, auth: OAuth) -> dict[str, str]:
        match auth:
            case ClientCredentialsAuth():
                return {"grant_type": "client_credentials", **({"scope": auth.scope} if auth.scope else {})}
            case RefreshTokenAuth():
                return {
                    "grant_type": "refresh_token",
                    "refresh_token": self._refresh_token,
                    "client_id": auth.client_id,
                }
            case PasswordAuth():
                password = auth.password.get_secret_value()
                secret = auth.client_secret.get_secret_value() if auth.client_secret else ""
                return {
                    "grant_type": "password",
                    "username": auth.username,
                    "password": password,
                    "client_id": auth.client_id,
                    "client_secret": secret,
                }
            case JwtBearerAuth():
                return {"grant_type": JWT_BEARER_GRANT_TYPE, "assertion": self._assertion(auth)}

    def _assertion(self, auth: JwtBearerAuth) -> str:
        try:
            signed = sign_jwt_bearer_assertion(
                auth.private_key.get_secret_value(),
                auth.client_id,
                auth.audience,
                subject=auth.username,
                alg="RS256",
                expires_in=JWT_LIFE_S,
            )
        except (ValueError, TypeError):
            raise AccessRefused(
                "The private key of system {system} cannot be read. Give an RSA key in PEM format.", system=self._system
            ) from None
        return signed if isinstance(signed, str) else signed.decode()

    def _take(self, data: Mapping[str, Any]) -> None:
        token = str(data["access_token"])
        register_secret(token)
        self._headers = {"authorization": f"Bearer {token}"}
        if isinstance(data.get("instance_url"), str):
            self.base_url = data["instance_url"]
        if isinstance(data.get("refresh_token"), str):
            register_secret(data["refresh_token"])
            self._refresh_token = data["refresh_token"]

    def _refusal(self, response: httpx.Response, data: Mapping[str, Any]) -> TandemError:
        if response.status_code >= 500 or response.status_code == 429:
            return Unavailable(
                "System {system} cannot log us in now (HTTP {status}). Nothing was sent.",
                system=self._system,
                status=response.status_code,
            )
        return AccessRefused(
            "System {system} refused the login: {error} (HTTP {status}). Nothing was sent. Check client id, user and "
            "secret in tandem.yaml.",
            system=self._system,
            error=f"{data.get('error', 'no reason given')}: {data.get('error_description', '')}".rstrip(": "),
            status=response.status_code,
        )


def _fixed_headers(auth: Auth) -> dict[str, str] | None:
    match auth:
        case NoAuth():
            return {}
        case BasicAuth():
            return {"authorization": _basic(auth.username, auth.password.get_secret_value())}
        case ApiKeyAuth():
            return {auth.header: auth.key.get_secret_value()}
    return None


def _client_headers(auth: OAuth) -> dict[str, str]:
    """The client authenticates itself by Basic, except where its id stands in the body."""
    if isinstance(auth, (JwtBearerAuth, PasswordAuth)) or auth.client_secret is None:
        return {}
    return {"authorization": _basic(auth.client_id, auth.client_secret.get_secret_value())}


def _basic(name: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{secret}".encode()).decode()


def _json(response: httpx.Response) -> Mapping[str, Any]:
    try:
        data = response.json()
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
