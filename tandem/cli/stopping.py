"""Ending early: Ctrl+C or a request to terminate lets go of everything first; a second one ends at once."""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

import typer

from tandem import log
from tandem.cli.session import Session
from tandem.engine.engine import Stopped
from tandem.text import tr

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def carry_out(session: Session, work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end. Raises typer.Exit with 128 and the signal's number when it was stopped by one."""
    return asyncio.run(_stoppable(session, work))


async def _stoppable(session: Session, work: Coroutine[Any, Any, T]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    received: list[int] = []
    assert task is not None

    def stop(number: int, _: FrameType | None) -> None:
        if received:
            os.write(sys.stderr.fileno(), f"{_at_once()}\n".encode())
            os._exit(128 + number)
        received.append(number)
        loop.set_exception_handler(_note)
        loop.call_soon_threadsafe(task.cancel)

    before = {number: signal.signal(number, stop) for number in _SIGNALS}
    try:
        return await work
    except asyncio.CancelledError as error:
        if not received:
            raise
        typer.echo(_told(session, error), err=True)
        raise typer.Exit(128 + received[0]) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _note(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Ctrl+C reaches the programs we started too: that their connections break then is no news for the terminal."""
    log.event(
        "stopping.noticed", level="DEBUG", what=context.get("message"), kind=type(context.get("exception")).__name__
    )


def _at_once() -> str:
    return tr("Stopped at once. What was under way is looked up in the books at the next start; nothing is lost.")


def _told(session: Session, error: asyncio.CancelledError) -> str:
    if not isinstance(error, Stopped) or not error.rows:
        return tr("Stopped. No run was under way.")
    modes = sorted({(row.bot, " --attended" if row.mode == "attended" else "") for row in error.rows})
    return tr(
        "Stopped. Runs interrupted: {count}; nothing is lost. They go on at the next start of: {commands}",
        count=len(error.rows),
        commands="; ".join(session.command(f"run {bot}{attended}") for bot, attended in modes),
    )
