import asyncio

import pytest

from tandem.errors import MaterialUnknown
from tandem.http.together import together


async def _after(pauses: int, result: str) -> str:
    for _ in range(pauses):
        await asyncio.sleep(0)
    return result


async def test_results_are_in_the_order_of_the_calls_whichever_ends_first():
    assert await together(_after(3, "slow"), _after(0, "fast")) == ("slow", "fast")


async def test_first_error_is_raised_as_it_is_when_no_other_call_is_under_way_any_more():
    ended = asyncio.Event()

    async def endless() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.set()

    async def refused() -> None:
        await asyncio.sleep(0)
        raise MaterialUnknown("no product")

    with pytest.raises(MaterialUnknown, match="no product"):
        await together(endless(), refused())
    assert ended.is_set()


async def test_cancelling_the_caller_ends_every_call():
    ended: list[str] = []

    async def endless(name: str) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(name)

    both = asyncio.create_task(together(endless("one"), endless("two")))
    await asyncio.sleep(0.01)
    both.cancel()
    with pytest.raises(asyncio.CancelledError):
        await both
    assert sorted(ended) == ["one", "two"]
