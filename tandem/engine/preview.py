"""A run that leaves no trace: for dry runs and for polling."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from tandem.domain.record import Record
from tandem.engine.attendant import WritePreview
from tandem.engine.bot import Bot
from tandem.engine.climb import Context
from tandem.engine.journal import Journal
from tandem.engine.locking import NoLocking
from tandem.engine.performer import DryPerformer
from tandem.engine.run import Run
from tandem.engine.suspension import Suspended
from tandem.engine.tickets import Ticketing

if TYPE_CHECKING:
    from tandem.engine.engine import Engine


class _Discard:
    """Takes journal entries and keeps none."""

    def enqueue(self, work: Callable[[Connection], Any]) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(True)
        return future


class _NoTickets(Ticketing):
    """Where a run would open a ticket and wait, a preview ends."""

    async def open(self, *_: object, **__: object) -> int:
        raise Suspended


def preview_run(engine: "Engine", bot: Bot, item: Record, show: Callable[[WritePreview], None]) -> Run:
    """A run of the bot that reads for real, shows its writes, and records nothing."""
    journal = Journal(_Discard(), engine.clock, engine.new_id(), 0)
    ticketing = _NoTickets(engine.clock, journal)
    context = Context(journal, engine.codec, engine.clock, ticketing, engine.new_id)

    async def claim_version(version: str) -> str | None:
        return None

    return Run(bot, item, context, DryPerformer(context, show), claim_version, NoLocking(), engine.attendant)
