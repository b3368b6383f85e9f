"""Executing one run: from the top of the bot's function to its end, or to where it has to wait."""

import dataclasses
from typing import TYPE_CHECKING, Any

from loguru import logger
from sqlalchemy import Connection

from tandem import log
from tandem.engine.bot import Bot, BotResult
from tandem.engine.climb import Context
from tandem.engine.journal import Journal
from tandem.engine.locking import StoredLocking
from tandem.engine.performer import LivePerformer
from tandem.engine.run import Run
from tandem.engine.suspension import Elsewhere, Fenced, Repeated, Suspended
from tandem.engine.tickets import Ticketing
from tandem.errors import BotFailed, BusinessError, Declined, StoreError, TandemError
from tandem.store import journal as journal_rows
from tandem.store import locks, runs
from tandem.store.runs import RunRow
from tandem.store.tickets import TicketKind

if TYPE_CHECKING:
    from tandem.engine.engine import Engine


async def execute(engine: "Engine", row: RunRow) -> RunRow | None:
    """Execute a claimed run; the run as it then is: finished, waiting, or ready for workers of another queue.

    None when another worker has it now. Raises StoreError when the books cannot be kept.
    """
    bot = engine.bot(row.bot)
    journal = await _journal_of(engine, row)
    with log.correlated(row.id):
        try:
            return await _ended(engine, bot, row, journal)
        except Fenced:
            log.event("run.fenced", run=row.id)
            return None


async def _ended(engine: "Engine", bot: Bot, row: RunRow, journal: Journal) -> RunRow:
    try:
        result = await bot.process(_run_of(engine, bot, row, journal))
        if not isinstance(result, BotResult):
            raise TypeError(f"process of bot {row.bot} returned no BotResult")
        recorded = engine.codec.dump(result)
    except Suspended as suspended:
        return await _wait(engine, row, journal, suspended)
    except Elsewhere as elsewhere:
        return await _hand_over(row, journal, elsewhere.queue)
    except Repeated as repeated:
        return await _finish(engine, row, journal, "repeated", repeated.recorded(), final=False)
    except Declined as declined:
        return await _finish(engine, row, journal, "declined", declined.recorded(), final=False)
    except (StoreError, Fenced):
        raise
    except TandemError as error:
        kind: TicketKind = "business_exception" if isinstance(error, BusinessError) else "bot_failed"
        return await _ticket(engine, row, journal, kind, error)
    except Exception as error:  # noqa: BLE001 - a bot's own mistake must not stop the other runs
        logger.opt(exception=error).bind(event="bot.failed", run=row.id).error("bot.failed")
        return await _ticket(engine, row, journal, "bot_failed", _bot_failed(row, error))
    return await _finish(engine, row, journal, result.outcome, recorded, final=result.final)


async def _journal_of(engine: "Engine", row: RunRow) -> Journal:
    entries = []
    if row.epoch > 1:
        entries = await engine.database.read(lambda connection: journal_rows.load(connection, row.id))
    return Journal(engine.database, engine.clock, row.id, row.epoch, entries)


def _run_of(engine: "Engine", bot: Bot, row: RunRow, journal: Journal) -> Run:
    ticketing = Ticketing(engine.clock, journal)
    context = Context(journal, engine.codec, engine.clock, ticketing, engine.new_id)
    attendant = engine.attendant if row.mode == "attended" else None

    async def claim_version(version: str) -> str | None:
        key = f"{row.bot}|{version}"
        return await journal.carry_out(lambda connection: runs.claim_version(connection, row.id, key))

    item = engine.codec.load(bot.item, row.input)
    locking = StoredLocking(engine.database, engine.clock, journal, row.epoch, engine.announce)
    return Run(bot, item, context, LivePerformer(context, attendant), claim_version, locking, attendant)


async def _wait(engine: "Engine", row: RunRow, journal: Journal, suspended: Suspended) -> RunRow:
    def suspend(connection: Connection) -> bool:
        if not runs.wait(connection, row.id, row.epoch, wake_at=suspended.wake_at, ticket_id=suspended.ticket_id):
            return False
        if suspended.for_lock:
            locks.await_turn(connection, row.id)
        elif suspended.wake_at is None:
            locks.leave(connection, row.id, row.epoch)
        return True

    journal.alongside(suspend)
    await journal.flush()
    log.event("run.suspended", run=row.id, ticket=suspended.ticket_id, wake_at=suspended.wake_at)
    return dataclasses.replace(row, status="waiting", wake_at=suspended.wake_at, ticket_id=suspended.ticket_id)


async def _hand_over(row: RunRow, journal: Journal, queue: str) -> RunRow:
    journal.alongside(lambda connection: runs.hand_over(connection, row.id, row.epoch, queue))
    await journal.flush()
    log.event("run.moved", run=row.id, queue=queue)
    return dataclasses.replace(row, status="ready", queue=queue)


async def _finish(engine: "Engine", row: RunRow, journal: Journal, outcome: str, result: Any, *, final: bool) -> RunRow:
    at = engine.clock.now()
    end = runs.finishing(row.id, row.epoch, outcome=outcome, result=result, at=at, keep_dedupe_key=final)

    def end_and_leave(connection: Connection) -> bool:
        return end(connection) and locks.leave(connection, row.id, row.epoch) is not None

    journal.alongside(end if row.epoch == 1 else end_and_leave)
    await journal.flush()
    log.event("run.finished", run=row.id, outcome=outcome)
    return dataclasses.replace(row, status="finished", outcome=outcome, result=result, finished_at=at)


async def _ticket(engine: "Engine", row: RunRow, journal: Journal, kind: TicketKind, error: TandemError) -> RunRow:
    refused = [step for step in journal.steps if step.refused == error.recorded()]
    ticketing = Ticketing(engine.clock, journal)
    ticket_id = await ticketing.open(
        kind,
        error,
        step=refused[-1] if refused else journal.step(""),
        system="",
        operation=row.bot,
        channel=None,
        reference=row.business_key,
        fold=kind == "bot_failed",
        blocking=True,
    )
    return await _wait(engine, row, journal, Suspended(ticket_id=ticket_id))


def _bot_failed(row: RunRow, error: Exception) -> BotFailed:
    return BotFailed(
        "Bot {bot} broke off with {kind}: a mistake in its code. What it has written so far stands and is recorded. "
        "The log has the details; correct the bot, then retry this ticket.",
        bot=row.bot,
        kind=type(error).__name__,
    )
