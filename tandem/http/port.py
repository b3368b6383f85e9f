"""The HTTP port of one system: every call logged in, limited, counted, and with an outcome that can be believed."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from tandem.domain.clock import Clock, SystemClock
from tandem.errors import LoginRefused, StoreError, Throttled
from tandem.http.breaker import CircuitBreaker
from tandem.http.client import new_client
from tandem.http.exchange import Exchange, Message
from tandem.http.limiter import PATIENCE_S, Limiter
from tandem.http.login import let_open, login_of
from tandem.http.outcome import Call, of_failure, of_status
from tandem.http.refresh_token import RefreshToken
from tandem.http.retry_after import retry_after_s
from tandem.http.session import Opener, Session, Sessions
from tandem.http.settings import ApiSettings

_SAFE = ("GET", "HEAD", "OPTIONS")
_THROTTLED_TRIES = 3
_NO_WORD_S = 1.0
"""The pause after a 429 that names none; doubled each time."""


class HttpPort:
    """``system`` is its name in tandem.yaml; ``clock`` the one it waits by; ``client`` the one it closes with itself.

    ``refresh_token``: where the token of a login by one is kept, if longer than this port lives. ``auth_kind``: how it
    logs in, for a vendor with an API for each login.

    Belongs to one event loop. Making one raises UsageError when a key or certificate file cannot be used.
    """

    def __init__(
        self,
        system: str,
        settings: ApiSettings,
        clock: Clock | None = None,
        client: httpx.AsyncClient | None = None,
        refresh_token: RefreshToken | None = None,
    ) -> None:
        self.system = system
        self.clock: Clock = clock or SystemClock()
        self.auth_kind = settings.auth.kind
        self._url = settings.url
        self._client = client or new_client(system, settings)
        self._exchange = Exchange(self._client, self.clock)
        self._limiter = Limiter(system, settings.quota, self.clock)
        self._breaker = CircuitBreaker(system, self.clock)
        self._login = login_of(system, settings, self._post, self.clock, refresh_token)
        self._sessions = Sessions(self._login, self.clock)

    @property
    def calls(self) -> int:
        """How many HTTP requests were sent so far, logins included."""
        return self._exchange.count

    def opens_sessions_by(self, opener: Opener) -> None:
        """Log in by the vendor's own call where ``auth`` is of kind session; the vendor's ``connect`` says so."""
        let_open(self._login, opener)

    def pause(self, seconds: float) -> None:
        """Let no call out for so long: the vendor said so elsewhere than in a 429."""
        self._limiter.pause(seconds)

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        safe: bool | None = None,
    ) -> httpx.Response:
        """The answer, read to its end, whatever its status but 401, 429, 5xx and redirects.

        ``path`` is below the base address, or an absolute address; another host than the base gets no credentials.
        Give the query in ``path`` or in ``params``. ``safe``: it changes nothing; None: by the method.

        Raises Unreachable (not sent), CircuitOpen (not tried), Unavailable (safe, no useful answer), UnknownOutcome
        (not safe, no useful answer), Throttled, AccessRefused (401 after a fresh login).
        """
        message = Message(params, headers or {}, json, content)
        is_safe = method in _SAFE if safe is None else safe
        wait_s = 0.0
        async with self._limiter:
            for tried in range(_THROTTLED_TRIES):
                response = await self._logged_in(method, path, message, is_safe)
                if response.status_code != 429:
                    return response
                asked_s = retry_after_s(response.headers.get("retry-after"), self.clock.now())
                wait_s = _NO_WORD_S * 2**tried if asked_s is None else asked_s
                self._limiter.pause(wait_s)
        raise self._throttled(max(wait_s, PATIENCE_S))

    async def login(self) -> None:
        """Log in afresh. Raises AccessRefused, NotSent."""
        await self._sessions.opened()

    async def aclose(self) -> None:
        """Close all connections."""
        await self._sessions.aclose()
        await self._client.aclose()

    async def _logged_in(self, method: str, path: str, message: Message, safe: bool) -> httpx.Response:
        """A 401 means the request was not processed: log in once more and repeat it once."""
        session = await self._sessions.current()
        response = await self._judged(method, path, message, safe, session)
        if response.status_code != 401:
            return response
        session = await self._sessions.renewed(session)
        response = await self._judged(method, path, message, safe, session)
        if response.status_code == 401:
            raise LoginRefused(
                "{system} refuses the login for {method} {path} (401 after a fresh login). Nothing was changed. Check "
                "the credentials in tandem.yaml and the rights of their user.",
                system=self.system,
                method=method,
                path=path.partition("?")[0],
            )
        return response

    async def _judged(self, method: str, path: str, message: Message, safe: bool, session: Session) -> httpx.Response:
        """One request under the circuit breaker. Raises for an answer that cannot be believed."""
        base = session.base_url or self._url
        call = Call(self.system, base, method, path.partition("?")[0], safe)
        url, login = _address(base, path), session.headers
        if url is path and _origin(url) != _origin(base):
            login = {}
        async with self._limiter.turn():
            response = await self._exchanged(call, url, message, login)
        failure = of_status(response.status_code, call)
        if failure is not None and response.status_code >= 500:
            self._breaker.failed(failure)
        else:
            self._breaker.succeeded()
        if failure is not None:
            raise failure
        return response

    async def _exchanged(self, call: Call, url: str, message: Message, login: Mapping[str, str]) -> httpx.Response:
        self._breaker.admit()
        try:
            return await self._exchange.send(call, url, message, login)
        except StoreError:  # our own books, asked right before the first byte
            self._breaker.abandoned()
            raise
        except Exception as error:
            failure = of_failure(error, call)
            self._breaker.failed(failure)
            raise failure from error
        except BaseException:
            self._breaker.abandoned()
            raise

    async def _post(self, url: str, headers: Mapping[str, str], content: str) -> httpx.Response:
        """Ask for a token or a session: outside the limiter, whose slot the caller holds, perhaps on another host."""
        url = _address(self._url, url)
        call = Call(self.system, url, "POST", urlsplit(url).path, safe=True)
        try:
            response = await self._exchange.send(call, url, Message(headers=headers, content=content), {})
        except Exception as error:
            raise of_failure(error, call) from error
        if response.status_code == 429:
            asked_s = retry_after_s(response.headers.get("retry-after"), self.clock.now())
            raise self._throttled(PATIENCE_S if asked_s is None else asked_s)
        return _believed(response, call)

    def _throttled(self, wait_s: float) -> Throttled:
        return Throttled(
            "{system} takes no more calls for now (429). Nothing was changed. It is tried again in {retry_after_s} s.",
            retry_after_s=round(wait_s, 1),
            system=self.system,
        )


def _believed(response: httpx.Response, call: Call) -> httpx.Response:
    unbelievable = of_status(response.status_code, call)
    if unbelievable is not None:
        raise unbelievable
    return response


def _address(base: str, path: str) -> str:
    if path.startswith(("http://", "https://")):
        return path
    return base + path if path.startswith("/") else f"{base}/{path}"


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)
