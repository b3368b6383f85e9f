import asyncio

import pytest

from tandem.errors import CircuitOpen, MaterialUnknown, Unreachable
from tandem.http.together import together


async def _after(pauses: int, result: str) -> str:
    for _ in range(pauses):
        await asyncio.sleep(0)
    return result


async def test_results_are_in_the_order_of_the_calls_whichever_ends_first():
    assert await together(_after(3, "slow"), _after(0, "fast")) == ("slow", "fast")


async def test_error_is_raised_as_it_is_when_no_other_call_is_under_way_any_more():
    ended: list[str] = []

    async def slow() -> None:
        await _after(5, "")
        ended.append("slow")

    async def refused() -> None:
        try:
            raise OSError("the cause")
        except OSError as error:
            raise MaterialUnknown("no product") from error

    with pytest.raises(MaterialUnknown, match="no product") as raised:
        await together(slow(), refused())
    assert ended == ["slow"]
    assert isinstance(raised.value.__cause__, OSError)


async def test_error_of_the_call_that_was_tried_is_told_before_those_of_a_circuit():
    async def untried() -> None:
        raise CircuitOpen("Left alone.", wait_s=15)

    async def tried() -> None:
        raise Unreachable("Down.")

    for calls in ((untried(), tried(), untried()), (tried(), untried(), untried())):
        with pytest.raises(Unreachable, match="Down"):
            await together(*calls)


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
