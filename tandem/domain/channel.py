"""The port every channel implements: carry one attempt of one operation."""

from dataclasses import dataclass, field
from typing import Any, Protocol

from tandem.domain.operation import ChannelName, Operation
from tandem.domain.record import Record


@dataclass(frozen=True)
class Healing:
    """An element of a screen that only a later candidate found; ``candidate`` counts from 1.

    ``patch`` is the proposed change of the selector file, relative to the evidence folder; None when there is none.
    """

    screen: str
    element: str
    candidate: int
    patch: str | None = None


@dataclass(frozen=True)
class Attempt:
    """One try of one operation on one system through one channel.

    ``number`` counts from 1 over all channels of a step. ``reference`` is the external reference of a write, else None.
    ``correlation_id`` is the run's, for logs and for the vendor's request id where it has one.
    ``healings`` is filled in by a channel of screens while it carries the attempt, whatever becomes of it.
    """

    operation: Operation[Any, Any]
    system: str
    request: Record
    reference: str | None
    correlation_id: str
    number: int = 1
    healings: list[Healing] = field(default_factory=list, compare=False)


class Channel(Protocol):
    """Carries attempts to one system. What it raises says what is known: see ``tandem.errors``.

    Any exception that is not of ``tandem.errors`` counts as an unknown outcome of a write.
    """

    @property
    def name(self) -> ChannelName: ...

    async def perform(self, attempt: Attempt) -> Record:
        """The operation's result. Raises NotSent, Rejected or UnknownOutcome."""
        ...

    async def login(self) -> None:
        """Log in afresh: after LoginExpired, once. Raises AccessRefused when the vendor does not let us in."""
        ...

    async def aclose(self) -> None: ...
