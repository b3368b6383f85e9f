"""Telling tasks what another thread has done for them, with one wake-up for all that was done together."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
_Future = asyncio.Future[Any]


def tell(outcomes: Iterable[tuple[_Future, Any]]) -> None:
    """Set each future's result, in the event loop it belongs to; each loop is woken once: that is a system call."""
    _in_their_loops(outcomes, _set_results)


def tell_failure(futures: Iterable[_Future], error: Exception) -> None:
    """Let all who wait for these futures have the error."""
    _in_their_loops(((future, error) for future in futures), _set_exceptions)


def _in_their_loops(outcomes: Iterable[tuple[_Future, T]], settle: Callable[[list[tuple[_Future, T]]], None]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Future, T]]] = {}
    for future, outcome in outcomes:
        by_loop.setdefault(future.get_loop(), []).append((future, outcome))
    for loop, told in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(settle, told)


def _set_results(told: list[tuple[_Future, Any]]) -> None:
    for future, result in told:
        if not future.done():
            future.set_result(result)


def _set_exceptions(told: list[tuple[_Future, Exception]]) -> None:
    for future, error in told:
        if not future.done():
            future.set_exception(error)
            future.exception()  # asked for, so that asyncio does not complain where nobody waits
