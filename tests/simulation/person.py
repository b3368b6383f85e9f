"""The person who settles tickets, as the texts of the tickets tell them to."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.history import World


class Person:
    def __init__(self, world: "World") -> None:
        self._world = world

    async def look(self) -> None: ...
