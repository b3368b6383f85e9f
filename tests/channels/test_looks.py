"""What takes time to appear is looked for until the time has passed, by a slow reader too."""

import asyncio

import pytest

from tandem.channels.looks import Looks


async def test_reader_that_takes_longer_than_the_time_looks_once_more_after_it() -> None:
    looks, begun = Looks(0.1, 0.01), []
    while await looks.again():
        begun.append(looks.last)
        await asyncio.sleep(0.2)
    assert begun == [False, True]


async def test_no_time_is_one_look() -> None:
    looks, begun = Looks(0.0, 0.01), 0
    while await looks.again():
        begun += 1
    assert begun == 1


@pytest.mark.parametrize(("longest_s", "least", "most"), [(0.25, 3, 100), (0.005, 3, 230), (0.001, 150, 1000)])
async def test_looks_are_fewer_the_longer_it_takes(longest_s: float, least: int, most: int) -> None:
    looks, begun = Looks(1.0, 0.001, longest_s), 0
    while await looks.again():
        begun += 1
    assert least <= begun <= most
