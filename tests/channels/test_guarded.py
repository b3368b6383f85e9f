"""Screens that are down are left alone for a while; then one attempt tries again."""

import pytest

from tandem.channels.guarded import FAILURES, Guarded
from tandem.domain.channel import Attempt
from tandem.domain.sales_order import SALES_ORDER_FIND
from tandem.errors import CircuitOpen, Unavailable
from tests.engine.vendor import Books, HandHeldClock, ScriptedChannel, order


def attempt() -> Attempt:
    return Attempt(SALES_ORDER_FIND, "erp", order("R-1").lookup(), None, "run")


async def test_screens_in_maintenance_are_left_alone_and_tried_again_later() -> None:
    clock = HandHeldClock()
    screens = ScriptedChannel("browser", Books(), clock)
    screens.find_script = ["unavailable"] * FAILURES
    guarded = Guarded("erp", screens, clock)
    for _ in range(FAILURES):
        with pytest.raises(Unavailable):
            await guarded.perform(attempt())
    with pytest.raises(CircuitOpen, match="left alone"):
        await guarded.perform(attempt())
    assert len(screens.calls) == FAILURES
    clock.advance(60)
    await guarded.perform(attempt())
    assert len(screens.calls) == FAILURES + 1


async def test_wrong_screen_does_not_count_as_down() -> None:
    clock = HandHeldClock()
    screens = ScriptedChannel("browser", Books(), clock)
    screens.find_script = ["screen_not_ready"] * 5
    guarded = Guarded("erp", screens, clock)
    for _ in range(5):
        with pytest.raises(Exception, match="Another screen"):
            await guarded.perform(attempt())
    assert len(screens.calls) == 5
