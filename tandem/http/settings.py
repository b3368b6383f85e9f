"""The ``api:`` block of a system: where its API is, how to log in, how patient and how fast to be."""

import re
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from tandem.text import tr


def _web_address(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or not _is_sound(url):
        raise ValueError(tr("{value} is no address such as https://erp.example.com", value=repr(url)))
    if parts.username or parts.password:
        raise ValueError(tr("an address holds no user name or password; they belong into auth"))
    if parts.query or parts.fragment:
        raise ValueError(tr("{value} has a query or a fragment; leave away what follows the path", value=repr(url)))
    return url.rstrip("/")


def _is_sound(url: str) -> bool:
    """Whether its port is a number from 0 to 65535, and its host one that can be asked for."""
    try:
        _ = urlsplit(url).port
        return httpx.URL(url).host != "" and not re.search(r"\s", url)
    except (httpx.InvalidURL, ValueError):
        return False


def _web_address_or_path(url: str) -> str:
    return url if url.startswith("/") and not url.startswith("//") else _web_address(url)


WebAddress = Annotated[str, AfterValidator(_web_address)]
WebAddressOrPath = Annotated[str, AfterValidator(_web_address_or_path)]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoAuth(_Block):
    """No login at all."""

    kind: Literal["none"] = "none"


class BasicAuth(_Block):
    """User name and password with every call (RFC 7617, UTF-8)."""

    kind: Literal["basic"]
    username: str
    password: SecretStr


class ApiKeyAuth(_Block):
    """A key in a header of the vendor's choice. ``scheme``: the word before it, such as ``Bearer``."""

    kind: Literal["api_key"]
    header: str = Field(default="APIKey", pattern=r"^[A-Za-z0-9-]+$")
    scheme: str | None = Field(default=None, pattern=r"^[A-Za-z0-9-]+$")
    key: SecretStr


class SessionAuth(_Block):
    """User name and password for the vendor's own call that opens a session; its API client knows that call."""

    kind: Literal["session"]
    username: str
    password: SecretStr


class _OAuth(_Block):
    """What all OAuth 2.0 grants share. ``token_url``: on any host, or a path on the API's own (``/oauth2/token``)."""

    token_url: WebAddressOrPath
    client_id: str
    scope: str | None = None


class _WithSecret(_OAuth):
    """``client_auth``: whether client id and secret travel in the form or in the Authorization header."""

    client_secret: SecretStr
    client_auth: Literal["client_secret_post", "client_secret_basic"] = "client_secret_post"


class ClientCredentialsAuth(_WithSecret):
    """OAuth 2.0 client credentials (RFC 6749, 4.4)."""

    kind: Literal["client_credentials"]


class RefreshTokenAuth(_OAuth):
    """OAuth 2.0 refresh token (RFC 6749, 6); public clients have no secret."""

    kind: Literal["refresh_token"]
    refresh_token: SecretStr
    client_secret: SecretStr | None = None


class PasswordAuth(_WithSecret):
    """OAuth 2.0 resource owner's password (RFC 6749, 4.3), for systems that offer nothing better."""

    kind: Literal["password"]
    username: str
    password: SecretStr


class JwtBearerAuth(_OAuth):
    """OAuth 2.0 JWT bearer (RFC 7523), signed RS256 with the PEM key in ``private_key_file``.

    ``audience`` None: scheme and host of ``token_url``.
    """

    kind: Literal["jwt_bearer"]
    username: str
    private_key_file: Path
    audience: str | None = None


OAuth = ClientCredentialsAuth | RefreshTokenAuth | PasswordAuth | JwtBearerAuth
Auth = Annotated[NoAuth | BasicAuth | ApiKeyAuth | SessionAuth | OAuth, Field(discriminator="kind")]


class Timeouts(_Block):
    """Seconds each phase of a call may take; ``read_s`` is the longest silence while an answer is awaited."""

    connect_s: float = Field(default=5.0, gt=0)
    read_s: float = Field(default=30.0, gt=0)
    write_s: float = Field(default=30.0, gt=0)
    pool_s: float = Field(default=10.0, gt=0)


class Quota(_Block):
    """What the vendor allows; ``calls_per_s`` None: as fast as it answers."""

    calls_per_s: float | None = Field(default=None, gt=0)
    concurrent: int = Field(default=16, gt=0)


class ApiSettings(_Block):
    """One system's API. ``ca_file``: a PEM bundle of authorities to trust besides the machine's own."""

    url: WebAddress
    auth: Auth = NoAuth()
    timeouts: Timeouts = Timeouts()
    quota: Quota = Quota()
    ca_file: Path | None = None
    headers: dict[str, str] = {}
