"""The API channel: an operation is the function of its name in the vendor's ``operations`` module."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from tandem import log
from tandem.domain.channel import Attempt
from tandem.domain.operation import ChannelName
from tandem.domain.record import Record
from tandem.errors import NotOffered
from tandem.http.port import HttpPort

ApiRung = Callable[[Any, Record], Awaitable[Record]]


class ApiChannel:
    """Calls the vendor's functions with its connected client. ``rungs``: by operation name."""

    name: ChannelName = "api"

    def __init__(self, system: str, port: HttpPort, client: Any, rungs: Mapping[str, ApiRung]) -> None:
        self._system, self._client, self._rungs = system, client, rungs
        self.port = port

    async def perform(self, attempt: Attempt) -> Record:
        """The function's result. Raises NotOffered when the vendor's module has none of that name."""
        rung = self._rungs.get(attempt.operation.name)
        if rung is None:
            raise NotOffered(
                "{operation} is not offered by the API of system {system}.",
                operation=attempt.operation.name,
                system=self._system,
            )
        with log.correlated(attempt.correlation_id):
            return await rung(self._client, attempt.request)

    async def login(self) -> None:
        """Log in afresh; on a 401 the port does so by itself."""
        await self.port.login()

    async def aclose(self) -> None:
        await self.port.aclose()
