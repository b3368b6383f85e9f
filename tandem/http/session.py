"""The login of one system, shared by all its callers: one login at a time, however many ask for it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import httpx

from tandem.domain.clock import Clock
from tandem.http.settings import SessionAuth

_EARLY_S = 30.0
"""A session is renewed this long before its announced end, so that it does not end on the way."""


@dataclass(frozen=True, eq=False)
class Session:
    """``headers`` prove who we are. ``base_url``: where the vendor wants the calls, if it said so.

    ``ends_at_s``: on the monotonic clock; None when the vendor does not tell, so that its 401 is the signal.
    """

    headers: Mapping[str, str]
    base_url: str | None = None
    ends_at_s: float | None = None


Login = Callable[[], Awaitable[Session]]
"""Raises AccessRefused, NotSent."""

Post = Callable[[str, Mapping[str, str], str], Awaitable[httpx.Response]]
"""POST a body to an address, with these headers and no login; raises as a safe request does."""

Opener = Callable[[SessionAuth, Post], Awaitable[Session]]
"""A vendor's own way to log in, for ``auth`` of kind session. Raises AccessRefused, NotSent."""


class Sessions:
    """Keeps the current session. Callers who find it stale share one login, and its failure."""

    def __init__(self, login: Login, clock: Clock) -> None:
        self._login = login
        self._clock = clock
        self._session: Session | None = None
        self._flight: asyncio.Task[Session] | None = None

    async def current(self) -> Session:
        """The session, opened if need be. Raises what the login raises."""
        session = self._session
        if session is None or self._is_ending(session):
            return await self.renewed(session)
        return session

    async def renewed(self, stale: Session | None) -> Session:
        """A session other than ``stale``: opened afresh, unless another caller did so meanwhile."""
        if self._session is not None and self._session is not stale:
            return self._session
        return await self.opened()

    async def opened(self) -> Session:
        """A fresh session; joins a login that is under way."""
        if self._flight is None:
            self._flight = asyncio.create_task(self._open())
            self._flight.add_done_callback(self._landed)
        return await asyncio.shield(self._flight)

    async def aclose(self) -> None:
        """Give up a login under way and forget the session."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.gather(self._flight, return_exceptions=True)
        self._session = None

    async def _open(self) -> Session:
        return await self._login()

    def _landed(self, flight: asyncio.Task[Session]) -> None:
        self._flight = None
        if not flight.cancelled() and flight.exception() is None:
            self._session = flight.result()

    def _is_ending(self, session: Session) -> bool:
        return session.ends_at_s is not None and self._clock.monotonic_s() >= session.ends_at_s - _EARLY_S
