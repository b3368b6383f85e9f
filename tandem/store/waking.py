"""Waiting in an event loop for what another thread does, with one wake-up for all that is done together."""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")
_Wake = asyncio.Future[None]


class _Thread(threading.local):
    """What a thread has to wake once it leaves ``together``; None outside of it."""

    held: dict[asyncio.AbstractEventLoop, list[_Wake]] | None = None


_thread = _Thread()


async def waited(future: Future[T]) -> T:
    """The future's result. Whoever is cancelled while waiting leaves the future to those who work on it."""
    loop = asyncio.get_running_loop()
    wake: _Wake = loop.create_future()
    future.add_done_callback(lambda _: _wake_up(loop, wake))
    await wake
    return future.result()


@contextmanager
def together() -> Iterator[None]:
    """Futures set inside wake each event loop once, at the end: every wake-up is a system call."""
    held = _thread.held = {}
    try:
        yield
    finally:
        _thread.held = None
        for loop, wakes in held.items():
            _call(loop, wakes)


def _wake_up(loop: asyncio.AbstractEventLoop, wake: _Wake) -> None:
    if _thread.held is None:
        _call(loop, [wake])
    else:
        _thread.held.setdefault(loop, []).append(wake)


def _call(loop: asyncio.AbstractEventLoop, wakes: Sequence[_Wake]) -> None:
    if not loop.is_closed():
        loop.call_soon_threadsafe(_set, wakes)


def _set(wakes: Sequence[_Wake]) -> None:
    for wake in wakes:
        if not wake.done():
            wake.set_result(None)
