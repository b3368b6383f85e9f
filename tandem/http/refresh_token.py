"""The refresh token of one system, which a vendor may replace at every login (rotation)."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from pydantic import SecretStr


class RefreshToken(Protocol):
    """Whoever logs in with it takes a turn: a vendor that rotates ends the whole approval when a token comes twice."""

    def turn(self) -> AbstractAsyncContextManager[None]:
        """Nobody else logs in meanwhile."""

    def current(self) -> SecretStr:
        """The token to log in with; asked within the turn."""

    def replace(self, token: SecretStr) -> None:
        """The vendor gave another in its place."""


class RefreshTokenInMemory:
    """Kept for the life of the process, by which alone it is used."""

    def __init__(self, given: SecretStr) -> None:
        self._token = given

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        yield

    def current(self) -> SecretStr:
        return self._token

    def replace(self, token: SecretStr) -> None:
        self._token = token
