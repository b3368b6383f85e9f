"""A bot: a business process as an async function over operations."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from tandem.domain.record import Record
from tandem.engine.system import System

if TYPE_CHECKING:
    from tandem.engine.run import Run


class WorkItem(Protocol):
    """What a run is about. Runs with the same ``business_key`` never execute at the same time."""

    @property
    def business_key(self) -> str: ...


class BotResult(Record):
    """How a run ended. ``outcome`` is one word of the bot's own, counted in summaries.

    ``final``: this version of the document needs no other run; otherwise the next trigger may work on it again.
    """

    outcome: str
    final: bool = True


class Changes(Record):
    """Work found by polling, and where the next poll starts.

    ``stamps``: for each item, what tells this change of it from its other ones. A poll that looks back behind its
    watermark, for what was committed late, meets changes again; those start nothing. Empty: every item is new.
    """

    items: tuple[Record, ...] = ()
    watermark: datetime
    stamps: tuple[str, ...] = ()


Process = Callable[["Run"], Awaitable[BotResult]]
Poll = Callable[["Run", datetime | None], Awaitable[Changes]]


@dataclass(frozen=True)
class Bot:
    """``item`` is the model of its work items; ``systems`` binds its roles, such as ``erp``, to systems."""

    name: str
    item: type[Record]
    process: Process
    poll: Poll | None = None
    systems: Mapping[str, System] = field(default_factory=dict)

    @property
    def queue(self) -> str:
        """Where its runs begin: where its systems have an API, and else at a worker that has the screen.

        What they need beyond that they find on the way: see ``System.elsewhere``.
        """
        return next((system.queue for system in self.systems.values() if system.queue != "api"), "api")


@dataclass(frozen=True)
class Work:
    """A work item to be run, under its business key."""

    business_key: str
    item: Record


def work_of(items: Sequence[Record]) -> list[Work]:
    """The items with their business keys."""
    return [Work(str(item.business_key), item) for item in items]  # type: ignore[attr-defined]
