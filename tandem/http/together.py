"""Calls made at once that also end at once, so that none outlives the step that made it."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar, overload

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
    """Their results, in order. The first error cancels the others, waits for their end, and is raised as it is.

    ``asyncio.gather`` lets the others go on. For reads only: a write must not be cancelled on its way.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except ExceptionGroup as failed:
        raise failed.exceptions[0] from None
    return tuple(task.result() for task in tasks)
