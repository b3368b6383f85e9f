"""How a system is logged in to, by the kind of its ``auth``."""

import base64

from tandem.domain.clock import Clock
from tandem.http.oauth import Post, TokenLogin
from tandem.http.session import Login, Session
from tandem.http.settings import ApiKeyAuth, ApiSettings, BasicAuth, NoAuth


def login_of(system: str, settings: ApiSettings, post: Post, clock: Clock) -> Login:
    """Raises UsageError when the private key of a JWT bearer login cannot be used."""
    auth = settings.auth
    if isinstance(auth, NoAuth | BasicAuth | ApiKeyAuth):
        headers = _headers(auth)

        async def known() -> Session:
            return Session(headers)

        return known
    token_url = settings.url + auth.token_url if auth.token_url.startswith("/") else auth.token_url
    return TokenLogin(system, auth, token_url, post, clock)


def _headers(auth: NoAuth | BasicAuth | ApiKeyAuth) -> dict[str, str]:
    if isinstance(auth, BasicAuth):
        pair = f"{auth.username}:{auth.password.get_secret_value()}"
        return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    if isinstance(auth, ApiKeyAuth):
        return {auth.header.lower(): auth.key.get_secret_value()}
    return {}
