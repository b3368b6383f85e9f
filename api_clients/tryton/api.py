"""What the parts of this client ask of Tryton, whichever of its two APIs carries it."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from api_clients.tryton.values import Row
from tandem.errors import TandemError
from tandem.http.port import HttpPort

Fill = Callable[[Row], Row]
"""Makes a form's answers of what it shows."""


class Api(Protocol):
    """One database of one server, as the user who is logged in.

    Every method raises Refused, NotSent or AccessRefused; those that write UnknownOutcome as well, when nobody can
    know. Rows hold a related record's id under its field, and what was asked of it under the field with a dot.
    """

    http: HttpPort

    async def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        order: Sequence[Sequence[str]] | None = None,
        **context: object,
    ) -> list[Row]:
        """Every record of the domain, however many."""

    async def create(self, model: str, record: Row) -> int:
        """The id of a new record; its values are written as they are given."""

    async def write(self, model: str, id_: int, record: Row) -> None:
        """Change these values of a record."""

    async def press(self, model: str, button: str, id_: int) -> None:
        """What a button of a record's form does."""

    async def today(self) -> date:
        """The day it is for Tryton."""

    async def call(self, model: str, method: str, *arguments: object, **context: object) -> Any:
        """The result of any method that Tryton's own clients call, such as those that fill in a form."""

    async def wizard(self, name: str, model: str, ids: Sequence[int], forms: Mapping[str, tuple[Fill, str]]) -> None:
        """Go through a wizard about these records: of each form it may show once, the answers and the button."""

    def require_screens(self) -> None:
        """Asked before anything is changed by what ends in a wizard. Raises NotOffered where ``call`` does."""

    def unbelievable(self, what: str, *, safe: bool) -> TandemError:
        """The error of an answer that says nothing about the call."""
