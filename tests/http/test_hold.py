"""The last word before a write leaves: an intent that has grown old is confirmed, or nothing is sent."""

import pytest

from tandem.domain.hold import INTENT_S, Hold, holding
from tandem.errors import StoreError
from tests.http.hand_clock import HandClock
from tests.http.wire import Asked, answer, serving


class TakenOver(BaseException):
    """What the store makes of a run that another worker has."""


class Question:
    """Asked whether the run is still ours; counts how often."""

    def __init__(self, *, ours: bool) -> None:
        self.ours, self.count = ours, 0

    async def __call__(self) -> None:
        self.count += 1
        if not self.ours:
            raise TakenOver


async def created(asked: Asked) -> bytes:
    return answer(201, {"order": "4711"})


async def test_fresh_intent_is_sent_without_a_question(port):
    clock, question = HandClock(), Question(ours=False)
    async with serving(created) as server:
        with holding(Hold(clock, question)):
            clock.at_s += INTENT_S
            await port(server.url, clock=clock).send("POST", "/orders", json={})
        assert (question.count, len(server.asked)) == (0, 1)


async def test_old_intent_of_a_run_that_is_still_ours_is_confirmed_once_and_sent(port):
    clock, question = HandClock(), Question(ours=True)
    async with serving(created) as server:
        erp = port(server.url, clock=clock)
        with holding(Hold(clock, question)):
            clock.at_s += INTENT_S + 1
            await erp.send("POST", "/orders", json={})
            await erp.send("POST", "/orders", json={})
        assert (question.count, len(server.asked)) == (1, 2)


async def test_old_intent_of_a_run_taken_over_sends_not_one_byte(port):
    clock, question = HandClock(), Question(ours=False)
    async with serving(created) as server:
        erp = port(server.url, clock=clock)
        with holding(Hold(clock, question)):
            clock.at_s += INTENT_S + 1
            with pytest.raises(TakenOver):
                await erp.send("POST", "/orders", json={})
        assert server.asked == []
        assert (await erp.send("POST", "/orders", json={})).status_code == 201


async def test_intent_grows_old_while_the_limiter_makes_it_wait(port):
    clock, question = HandClock(), Question(ours=False)
    async with serving(created) as server:
        erp = port(server.url, clock=clock, quota={"calls_per_s": 0.25})
        await erp.send("POST", "/orders", json={})
        with holding(Hold(clock, question)):
            clock.at_s += 2
            with pytest.raises(TakenOver):
                await _twice(erp)
        assert len(server.asked) == 2


async def test_question_asked_for_too_long_is_asked_again(port):
    clock = HandClock()
    answers = iter([INTENT_S + 1, 0.0])

    async def slow() -> None:
        clock.at_s += next(answers)

    async with serving(created) as server:
        with holding(Hold(clock, slow)):
            clock.at_s += INTENT_S + 1
            await port(server.url, clock=clock).send("POST", "/orders", json={})
    assert list(answers) == []


async def test_safe_request_needs_no_hold(port):
    clock, question = HandClock(), Question(ours=False)
    async with serving(created) as server:
        with holding(Hold(clock, question)):
            clock.at_s += INTENT_S + 1
            await port(server.url, clock=clock).send("GET", "/orders")
        assert (question.count, len(server.asked)) == (0, 1)


async def test_suspended_machine_whose_wall_clock_alone_went_on_asks(port):
    clock, question = SuspendedClock(), Question(ours=False)
    async with serving(created) as server:
        with holding(Hold(clock, question)):
            clock.resume_after(INTENT_S + 1)
            with pytest.raises(TakenOver):
                await port(server.url, clock=clock).send("POST", "/orders", json={})
        assert server.asked == []


class SuspendedClock(HandClock):
    """The monotonic clock of a machine stands still while the machine is suspended."""

    def __init__(self) -> None:
        super().__init__()
        self._lost_s = 0.0

    def resume_after(self, seconds: float) -> None:
        self.at_s += seconds
        self._lost_s += seconds

    def monotonic_s(self) -> float:
        return self.at_s - self._lost_s


async def _twice(erp) -> None:
    await erp.send("POST", "/orders", json={})
    await erp.send("POST", "/orders", json={})


async def test_books_that_are_away_are_not_the_vendors_failure(port):
    async def away() -> None:
        raise StoreError("The store is away.")

    clock = HandClock()
    async with serving(created) as server:
        erp = port(server.url, clock=clock)
        for _ in range(20):
            with holding(Hold(clock, away)):
                clock.at_s += INTENT_S + 1
                with pytest.raises(StoreError):
                    await erp.send("POST", "/orders", json={})
        assert server.asked == []
        assert (await erp.send("POST", "/orders", json={})).status_code == 201
