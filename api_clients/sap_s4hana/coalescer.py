"""Reads asked in the same moment, carried together: fewer calls, each reader with an answer of its own."""

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, Generic, TypeVar

Answered = TypeVar("Answered")

WINDOW_S = 0.001
"""How long the first read waits for company while others are under way. Alone it waits for its own turn of the loop."""

LARGEST = 100
"""Parts of one call: Gateway works through them one after the other."""


class ReadCoalescer(Generic[Answered]):
    """Gathers reads of one moment and hands them to ``fetch``, at most ``LARGEST`` different ones at a time.

    ``fetch`` returns one answer per resource, in order. When it fails, all its readers fail alike. Equal reads share
    one answer; a reader that is cancelled does not disturb the others.
    """

    def __init__(self, fetch: Callable[[Sequence[str]], Coroutine[Any, Any, Sequence[Answered]]]) -> None:
        self._fetch = fetch
        self._waiting: dict[str, list[asyncio.Future[Answered]]] = {}
        self._fetching: set[asyncio.Task[Sequence[Answered]]] = set()

    async def read(self, resource: str) -> Answered:
        """The answer for one resource. Raises what ``fetch`` raises."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            self._schedule(loop)
        answer: asyncio.Future[Answered] = loop.create_future()
        self._waiting.setdefault(resource, []).append(answer)
        return await answer

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._fetching:
            loop.call_later(WINDOW_S, self._flush)
        else:
            loop.call_soon(self._flush)

    def _flush(self) -> None:
        waiting, self._waiting = self._waiting, {}
        for resources in _chunks(list(waiting)):
            fetching = asyncio.create_task(self._fetch(resources))
            self._fetching.add(fetching)
            fetching.add_done_callback(partial(self._deliver, [waiting[resource] for resource in resources]))

    def _deliver(
        self, readers: Sequence[Sequence[asyncio.Future[Answered]]], fetched: asyncio.Task[Sequence[Answered]]
    ) -> None:
        self._fetching.discard(fetched)
        error = None if fetched.cancelled() else fetched.exception()
        for position, group in enumerate(readers):
            for reader in group:
                if reader.done():
                    continue
                if fetched.cancelled():
                    reader.cancel()
                elif error is not None:
                    reader.set_exception(error)
                else:
                    reader.set_result(fetched.result()[position])


def _chunks(resources: list[str]) -> Iterator[list[str]]:
    """As few pieces as ``LARGEST`` allows, of about equal size."""
    pieces = -(-len(resources) // LARGEST)
    size = -(-len(resources) // pieces)
    for start in range(0, len(resources), size):
        yield resources[start : start + size]
