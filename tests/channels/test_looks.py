"""What takes time to appear is looked for until the time has passed, by a slow reader too."""

import asyncio
from types import SimpleNamespace

import pytest

from tandem.channels import looks as module
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


@pytest.mark.parametrize("longest_s", [0.25, 0.05, 0.02])
async def test_looks_are_fewer_the_longer_it_takes(longest_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s, pauses = 0.0, []

    async def pause(seconds: float) -> None:
        nonlocal now_s
        pauses.append(seconds)
        now_s += seconds

    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: now_s))
    monkeypatch.setattr(module, "asyncio", SimpleNamespace(sleep=pause))
    looks = Looks(10.0, 0.02, longest_s)
    while await looks.again():
        pass
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.02, longest_s)
    assert 10.0 <= sum(pauses) < 10.0 + longest_s + 0.001
