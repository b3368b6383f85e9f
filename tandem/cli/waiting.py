"""Telling why work seems to stand still, and until when."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from tandem.cli.session import Session
from tandem.engine.engine import Engine
from tandem.errors import TandemError
from tandem.store import journal, runs
from tandem.text import tr

_SILENT_S = 15


@asynccontextmanager
async def told_while_waiting(session: Session, engine: Engine, ended: Callable[[], int]) -> AsyncIterator[None]:
    """While the block runs: one line whenever no run has ended for a while. ``ended``: how many have."""
    telling = asyncio.create_task(_tell(session, engine, ended))
    try:
        yield
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError):
            await telling


async def _tell(session: Session, engine: Engine, ended: Callable[[], int]) -> None:
    while True:
        before = ended()
        await asyncio.sleep(_SILENT_S)
        if ended() == before:
            session.say(await _told(session, engine))


async def _told(session: Session, engine: Engine) -> str:
    counts = await engine.database.read(runs.count_unfinished)
    failed = await engine.database.read(journal.last_failure)
    if failed is None:
        why = tr("no answer yet; a silent API is given up after {seconds} s", seconds=f"{_silence_s(session):g}")
    else:
        why = str(TandemError.restored(failed))
    running, waiting = counts.get("running", 0), counts.get("waiting", 0)
    wake_at = await engine.database.read(runs.next_wake_at)
    if running == 0 and wake_at is not None:
        at = wake_at.astimezone().strftime("%H:%M:%S")
        return tr("Runs waiting: {waiting}; the next is due at {at}. Last: {why}", waiting=waiting, at=at, why=why)
    return tr("Runs under way: {running}, waiting: {waiting}. Last: {why}", running=running, waiting=waiting, why=why)


def _silence_s(session: Session) -> float:
    systems = session.workspace.configuration.systems.values()
    return max((system.api.timeouts.read_s for system in systems if system.api is not None), default=0.0)
