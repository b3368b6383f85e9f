"""The CSRF token of one service: fetched once, shared by everybody, fetched anew when SAP asks for it.

A token is worth nothing without the session cookies it came with. A request refused with 403 and
``x-csrf-token: Required`` was not processed, so it may be repeated with a fresh token.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

import httpx

from tandem.http.port import HttpPort

_TOKEN = "x-csrf-token"  # noqa: S105 - the header's name
_NO_TOKEN = ("", "required", "fetch")


@dataclass(frozen=True)
class Session:
    """A token and its cookies; ``token`` is None for a service that asks for none."""

    token: str | None
    cookies: str

    def headers(self) -> dict[str, str]:
        """What every changing request must carry."""
        return ({_TOKEN: self.token} if self.token else {}) | self.cookie_header()

    def cookie_header(self) -> dict[str, str]:
        """What keeps a read in the same SAP session, so that not every read opens one of its own."""
        return {"cookie": self.cookies} if self.cookies else {}


class CsrfSession:
    """Holds the session of one service. Any number of tasks may ask; one of them fetches."""

    def __init__(self, http: HttpPort, root: str, headers: Mapping[str, str]) -> None:
        self._http = http
        self._root = root
        self._headers = headers
        self._session: Session | None = None
        self._lock = asyncio.Lock()

    @property
    def current(self) -> Session | None:
        """The session as far as one was opened."""
        return self._session

    async def opened(self) -> Session:
        """The session, opened if need be. Raises what the HTTP port raises for a safe request."""
        return self._session or await self.renewed(None)

    async def renewed(self, stale: Session | None) -> Session:
        """A session other than ``stale``: fetched, unless another task did so meanwhile."""
        async with self._lock:
            if self._session is None or self._session is stale:
                self._session = await self._fetch()
            return self._session

    async def _fetch(self) -> Session:
        """HEAD with slash, then GET with slash, then GET without: handlers differ. Refusals may carry a token, too."""
        headers = {**self._headers, _TOKEN: "Fetch", "accept": "application/json"}
        for method, path in (("HEAD", f"{self._root}/"), ("GET", f"{self._root}/"), ("GET", self._root)):
            response = await self._http.send(method, path, headers=headers)
            token = response.headers.get(_TOKEN, "")
            if token.lower() not in _NO_TOKEN:
                return Session(token, _cookies(response))
            if method == "GET" and response.status_code not in (404, 405):
                break
        return Session(None, _cookies(response))


def token_refused(status: int, headers: Mapping[str, str], content: bytes) -> bool:
    """Whether a 403 means the token, not a missing authorisation."""
    if status != 403:
        return False
    return headers.get(_TOKEN, "").lower() == "required" or content.strip() == b"CSRF token validation failed"


def _cookies(response: httpx.Response) -> str:
    given = response.headers.get_list("set-cookie")
    pairs = dict(cookie.partition(";")[0].strip().partition("=")[::2] for cookie in given)
    return "; ".join(f"{name}={value}" for name, value in pairs.items())
