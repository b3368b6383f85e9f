"""The ``api:`` block of a system in tandem.yaml."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

_Url = Annotated[str, Field(pattern=r"^https?://[^/\s]+")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoAuth(_Strict):
    """No login at all."""

    kind: Literal["none"] = "none"


class BasicAuth(_Strict):
    """HTTP Basic."""

    kind: Literal["basic"]
    username: str
    password: SecretStr


class ApiKeyAuth(_Strict):
    """A key in a header."""

    kind: Literal["api_key"]
    key: SecretStr
    header: str = "APIKey"


class ClientCredentialsAuth(_Strict):
    """OAuth2 client credentials; ``token_url`` may be relative to the system's url."""

    kind: Literal["client_credentials"]
    client_id: str
    client_secret: SecretStr
    token_url: str
    scope: str | None = None


class RefreshTokenAuth(_Strict):
    """OAuth2 refresh token; a rotated token is kept for the life of the process."""

    kind: Literal["refresh_token"]
    client_id: str
    refresh_token: SecretStr
    token_url: str
    client_secret: SecretStr | None = None


class JwtBearerAuth(_Strict):
    """OAuth2 JWT bearer (RFC 7523, RS256): ``private_key`` is PEM text or, as ``file:``, the path of a PEM file."""

    kind: Literal["jwt_bearer"]
    client_id: str
    username: str
    private_key: SecretStr
    token_url: str
    audience: str


class PasswordAuth(_Strict):
    """OAuth2 resource owner password: only where a vendor offers nothing better."""

    kind: Literal["password"]
    client_id: str
    username: str
    password: SecretStr
    token_url: str
    client_secret: SecretStr | None = None


OAuth = ClientCredentialsAuth | RefreshTokenAuth | JwtBearerAuth | PasswordAuth
Auth = Annotated[NoAuth | BasicAuth | ApiKeyAuth | OAuth, Field(discriminator="kind")]


class Timeouts(_Strict):
    """Seconds for each phase of a call."""

    connect_s: float = Field(default=5.0, gt=0)
    read_s: float = Field(default=30.0, gt=0)
    write_s: float = Field(default=30.0, gt=0)
    pool_s: float = Field(default=30.0, gt=0)


class Quota(_Strict):
    """What the vendor allows: calls a second (None: no limit known) and calls under way at once."""

    calls_per_s: float | None = Field(default=None, gt=0)
    concurrent: int = Field(default=32, ge=1)


class Breaker(_Strict):
    """After so many failures in a row nothing is sent for ``rest_s``; then one call tries again."""

    failures: int = Field(default=5, ge=1)
    rest_s: float = Field(default=10.0, gt=0)


class ApiSettings(_Strict):
    """How to reach a system's API. ``ca_file``: PEM of the authorities to trust instead of the public ones."""

    url: _Url
    auth: Auth = NoAuth()
    timeouts: Timeouts = Timeouts()
    quota: Quota = Quota()
    breaker: Breaker = Breaker()
    ca_file: Path | None = None
    headers: dict[str, str] = {}
