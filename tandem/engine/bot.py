"""A bot: a business process as an async function over operations."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from tandem.domain.record import Record
from tandem.engine.system import System
from tandem.errors import UsageError

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
    """``item`` is the model of its work items; ``systems`` binds its roles, such as ``erp``, to systems.

    ``polled``: the operations that its poll performs, by role.
    """

    name: str
    item: type[Record]
    process: Process
    poll: Poll | None = None
    systems: Mapping[str, System] = field(default_factory=dict)
    polled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def queue(self) -> str:
        """Where its runs begin: where its systems have an API, and else at a worker that has the screen.

        What they need beyond that they find on the way: see ``System.elsewhere``.
        """
        return next((system.queue for system in self.systems.values() if system.queue != "api"), "api")

    def polling(self) -> Poll:
        """Its poll. Raises UsageError when it has none, or on a system that does not tell what changed."""
        if self.poll is None:
            raise UsageError("Bot {bot} does not poll. Give it items or a batch file.", bot=self.name)
        for role, operations in self.polled.items():
            system = self.systems[role]
            for operation in operations:
                rungs = system.rungs(operation)
                if rungs is None or not rungs.ladder:
                    raise UsageError(
                        "Bot {bot} cannot find by itself what changed: system {system} ({vendor}) does not offer "
                        "{operation}. Name the work items, or give a batch file.",
                        bot=self.name,
                        system=system.name,
                        vendor=system.vendor,
                        operation=operation,
                    )
        return self.poll


@dataclass(frozen=True)
class Work:
    """A work item to be run, under its business key."""

    business_key: str
    item: Record


def work_of(items: Sequence[Record]) -> list[Work]:
    """The items with their business keys."""
    return [Work(str(item.business_key), item) for item in items]  # type: ignore[attr-defined]


def delivered(changes: Changes) -> list[tuple[Work, str | None]]:
    """The work found, each with the name by which this change of it is known later; None when it is new in any case."""
    stamps = changes.stamps or ("",) * len(changes.items)
    works = zip(work_of(changes.items), stamps, strict=True)
    return [(work, f"{work.business_key} {stamp}" if stamp else None) for work, stamp in works]
