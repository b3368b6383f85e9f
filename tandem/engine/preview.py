"""A run that leaves no trace: for dry runs and for polling."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from tandem.domain.record import Record
from tandem.engine.attendant import WritePreview
from tandem.engine.bot import Bot, Work
from tandem.engine.climb import Context
from tandem.engine.journal import Journal
from tandem.engine.locking import NoLocking
from tandem.engine.performer import DryPerformer
from tandem.engine.run import Run
from tandem.engine.suspension import Repeated, Suspended
from tandem.engine.tickets import Ticketing
from tandem.errors import BusinessError, TandemError
from tandem.store import runs
from tandem.store.tickets import TicketKind

if TYPE_CHECKING:
    from tandem.engine.engine import Engine


class _Discard:
    """Takes journal entries and keeps none."""

    def enqueue(self, work: Callable[[Connection], Any]) -> asyncio.Future[Any]:
        future = asyncio.get_running_loop().create_future()
        future.set_result(True)
        return future


class _Ticketed(Suspended):
    """A run would wait here, on a ticket that says this."""

    def __init__(self, error: TandemError) -> None:
        super().__init__()
        self.error = error


class _NoTickets(Ticketing):
    """Where a run would open a ticket and wait, a preview ends."""

    async def open(self, kind: TicketKind, error: TandemError, *, blocking: bool, **_: object) -> int:
        if blocking:
            raise _Ticketed(error)
        return 0


@dataclass(frozen=True)
class Forecast:
    """How a run would end. ``result`` is what it would record; the error of the ticket where it would wait for one."""

    outcome: str
    result: Any = None


async def forecast(engine: "Engine", bot: Bot, work: Work, show: Callable[[WritePreview], None]) -> Forecast:
    """Dry run of one item. Writes nothing."""
    try:
        result = await bot.process(preview_run(engine, bot, work.item, show))
    except Repeated as repeated:
        return Forecast("repeated", repeated.recorded())
    except _Ticketed as ticketed:
        return Forecast("waiting", ticketed.error.recorded())
    except Suspended:
        return Forecast("waiting")
    except BusinessError as error:
        return Forecast("waiting", error.recorded())
    return Forecast(result.outcome, engine.codec.dump(result))


def preview_run(engine: "Engine", bot: Bot, item: Record, show: Callable[[WritePreview], None]) -> Run:
    """A run of the bot that reads for real, shows its writes, and records nothing."""
    journal = Journal(_Discard(), engine.clock, engine.new_id(), 0)
    ticketing = _NoTickets(engine.clock, journal)
    context = Context(journal, engine.codec, engine.clock, ticketing, engine.new_id)

    async def look_at_version(version: str) -> str | None:
        key = f"{bot.name}|{version}"
        return await engine.database.read(lambda connection: runs.holder_of_version(connection, key))

    return Run(bot, item, context, DryPerformer(context, show), look_at_version, NoLocking(), engine.attendant)
