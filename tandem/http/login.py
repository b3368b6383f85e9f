"""How a system is logged in to, by the kind of its ``auth``."""

import base64

from tandem.domain.clock import Clock
from tandem.errors import UsageError
from tandem.http.refresh_token import RefreshToken
from tandem.http.session import Login, Opener, Post, Session
from tandem.http.settings import ApiKeyAuth, ApiSettings, BasicAuth, NoAuth, SessionAuth


def login_of(
    system: str, settings: ApiSettings, post: Post, clock: Clock, refresh_token: RefreshToken | None = None
) -> Login:
    """Raises UsageError when the private key of a JWT bearer login cannot be used."""
    auth = settings.auth
    if isinstance(auth, NoAuth | BasicAuth | ApiKeyAuth):
        headers = _headers(auth)

        async def known() -> Session:
            return Session(headers)

        return known
    if isinstance(auth, SessionAuth):
        return _OwnLogin(system, auth, post)
    from tandem.http.oauth import TokenLogin  # loaded where a system has such a login: it takes twice as long as httpx

    token_url = settings.url + auth.token_url if auth.token_url.startswith("/") else auth.token_url
    return TokenLogin(system, auth, token_url, post, clock, refresh_token)


def let_open(login: Login, opener: Opener) -> None:
    """Open sessions by the vendor's own call, where ``auth`` is of kind session."""
    if isinstance(login, _OwnLogin):
        login.opener = opener


class _OwnLogin:
    """Opens sessions as the vendor's client says."""

    def __init__(self, system: str, auth: SessionAuth, post: Post) -> None:
        self._system, self._auth, self._post = system, auth, post
        self.opener: Opener | None = None

    async def __call__(self) -> Session:
        if self.opener is None:
            raise UsageError(
                "System {system} is to be logged in to with auth of kind session, but its vendor's API has no such "
                "login. Give auth another kind in tandem.yaml.",
                system=self._system,
            )
        return await self.opener(self._auth, self._post)


def _headers(auth: NoAuth | BasicAuth | ApiKeyAuth) -> dict[str, str]:
    if isinstance(auth, BasicAuth):
        pair = f"{auth.username}:{auth.password.get_secret_value()}"
        return {"authorization": "Basic " + base64.b64encode(pair.encode()).decode()}
    if isinstance(auth, ApiKeyAuth):
        words = (auth.scheme, auth.key.get_secret_value())
        return {auth.header.lower(): " ".join(filter(None, words))}
    return {}
