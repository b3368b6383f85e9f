"""Deliveries: what another system tells us over HTTP, its proof that it is that system, and how it wants an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True)
class Posted:
    """A request as it came. Header names are lower case."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Delivery:
    """One thing told. ``id`` is the sender's own: the same one may come again. ``fields`` is JSON-like."""

    id: str
    fields: Mapping[str, Any]


@dataclass(frozen=True)
class Reply:
    """What the sender takes for an acknowledgement."""

    status: int = 204
    body: bytes = b""
    media_type: str = "text/plain"


class Unproven(Exception):
    """The request does not show that it comes from where it should. ``why`` is a constant, for the log."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Unreadable(Exception):
    """The request is proven, and yet makes no sense. ``why`` holds nothing of its body."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class Proof(Protocol):
    """How one kind of sender proves itself."""

    def deliveries(self, posted: Posted, now: datetime) -> Sequence[Delivery]:
        """What the request tells. Raises Unproven, Unreadable."""
        ...

    def reply(self) -> Reply:
        """The acknowledgement, once all of it is on the disk."""
        ...
