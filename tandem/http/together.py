"""Calls made at once that also end at once, so that none outlives the step that made it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, overload

from tandem.errors import CircuitOpen

T = TypeVar("T")
T1 = TypeVar("T1")
T2 = TypeVar("T2")
T3 = TypeVar("T3")
T4 = TypeVar("T4")
T5 = TypeVar("T5")


@overload
async def together(first: Coroutine[Any, Any, T1], second: Coroutine[Any, Any, T2], /) -> tuple[T1, T2]: ...


@overload
async def together(
    first: Coroutine[Any, Any, T1], second: Coroutine[Any, Any, T2], third: Coroutine[Any, Any, T3], /
) -> tuple[T1, T2, T3]: ...


@overload
async def together(
    first: Coroutine[Any, Any, T1],
    second: Coroutine[Any, Any, T2],
    third: Coroutine[Any, Any, T3],
    fourth: Coroutine[Any, Any, T4],
    fifth: Coroutine[Any, Any, T5],
    /,
) -> tuple[T1, T2, T3, T4, T5]: ...


@overload
async def together(*calls: Coroutine[Any, Any, T]) -> tuple[T, ...]: ...


async def together(*calls: Coroutine[Any, Any, Any]) -> tuple[Any, ...]:
    """Their results, in order. When all have ended, the first error in that order is raised, CircuitOpen last.

    ``asyncio.gather`` lets the others go on alone. None is cancelled: one of them may be the only one that the circuit
    breaker lets through, and waits for.
    """
    results = await asyncio.gather(*calls, return_exceptions=True)
    errors = [result for result in results if isinstance(result, BaseException)]
    if errors:
        raise min(errors, key=lambda error: isinstance(error, CircuitOpen))
    return tuple(results)
