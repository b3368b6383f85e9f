"""The limiter and the breaker by a clock in the test's hand."""

import asyncio

import pytest

from tandem.errors import CircuitOpen, Throttled, Unreachable
from tandem.http.breaker import FAILURES, OPEN_S, CircuitBreaker
from tandem.http.limiter import Limiter
from tandem.http.settings import Quota
from tests.http.hand_clock import HandClock


async def test_no_second_sees_more_than_a_seconds_worth():
    clock = HandClock()
    limiter = Limiter("erp", Quota(calls_per_s=4), clock)
    begun_s = []
    for pause_s in (0.5, 0, 0, 0, 0, 0.25, 0, 0, 0, 0):
        async with limiter.turn():
            begun_s.append(clock.at_s - 1000)
        clock.at_s += pause_s
    assert begun_s == [0, 0.5, 0.5, 0.5, 1.0, 1.5, 1.75, 1.75, 2.0, 2.5]


async def test_request_counts_from_when_the_vendor_can_last_have_counted_it():
    clock = HandClock()
    limiter = Limiter("erp", Quota(calls_per_s=2), clock)
    begun_s = []
    for took_s in (0.2, 0.3, 0.2, 0.2):
        async with limiter.turn():
            begun_s.append(round(clock.at_s - 1000, 3))
            clock.at_s += took_s
    assert begun_s == [0, 0.2, 1.1, 1.4]


async def test_request_that_got_no_answer_may_have_been_counted_until_its_end():
    clock = HandClock()
    limiter = Limiter("erp", Quota(calls_per_s=1), clock)

    async def unanswered() -> None:
        async with limiter.turn():
            clock.at_s += 3
            raise TimeoutError

    async with limiter.turn():
        pass
    with pytest.raises(TimeoutError):
        await unanswered()
    async with limiter.turn():
        assert clock.at_s == 1005


async def test_quota_that_rests_is_not_saved_up_beyond_one_second():
    clock = HandClock()
    limiter = Limiter("erp", Quota(calls_per_s=2), clock)
    clock.at_s += 3600
    for _ in range(4):
        async with limiter.turn():
            pass
    assert clock.slept_s == [1.0]


async def test_slow_quota_throttles_instead_of_letting_callers_wait_for_long():
    clock = HandClock()
    limiter = Limiter("erp", Quota(calls_per_s=0.1), clock)
    async with limiter.turn():
        pass
    with pytest.raises(Throttled) as throttled:
        await limiter.turn().__aenter__()
    assert throttled.value.retry_after_s == 10


async def test_callers_are_let_in_first_come_first_served_and_never_too_many():
    limiter = Limiter("erp", Quota(concurrent=3), HandClock())
    entered: list[int] = []
    inside = most = 0

    async def call(number: int) -> None:
        nonlocal inside, most
        async with limiter:
            entered.append(number)
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(call(number) for number in range(50)))
    assert entered == list(range(50))
    assert most == 3


async def test_pause_holds_everybody_and_the_longer_one_counts():
    clock = HandClock()
    limiter = Limiter("erp", Quota(), clock)
    limiter.pause(4)
    limiter.pause(1)
    async with limiter.turn():
        assert clock.slept_s == [4]


async def test_caller_cancelled_in_the_queue_leaves_its_place_to_others():
    limiter = Limiter("erp", Quota(concurrent=1), HandClock())
    async with limiter:
        waiting = asyncio.create_task(limiter.__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
    async with asyncio.timeout(1), limiter:
        pass


def tripped(clock: HandClock) -> CircuitBreaker:
    breaker = CircuitBreaker("erp", clock)
    for _ in range(FAILURES):
        breaker.admit()
        breaker.failed(Unreachable("The port is closed."))
    return breaker


def test_success_in_between_keeps_the_circuit_closed():
    breaker = CircuitBreaker("erp", HandClock())
    for _ in range(3 * FAILURES):
        breaker.failed(Unreachable("The port is closed."))
        breaker.succeeded()
    breaker.admit()


def test_open_circuit_tells_when_it_may_be_tried_again():
    clock = HandClock()
    breaker = tripped(clock)
    clock.at_s += 1.5
    with pytest.raises(CircuitOpen, match=r"after 14 seconds. The last failure: The port is closed\.") as raised:
        breaker.admit()
    assert raised.value.wait_s == 14


def test_half_open_circuit_lets_one_call_try_and_opens_again_when_it_fails():
    clock = HandClock()
    breaker = tripped(clock)
    clock.at_s += OPEN_S
    breaker.admit()
    with pytest.raises(CircuitOpen) as raised:
        breaker.admit()
    assert raised.value.wait_s == OPEN_S
    breaker.failed(Unreachable("The port is closed."))
    clock.at_s += OPEN_S - 1
    with pytest.raises(CircuitOpen):
        breaker.admit()


def test_probe_that_succeeds_closes_the_circuit():
    clock = HandClock()
    breaker = tripped(clock)
    clock.at_s += OPEN_S
    breaker.admit()
    breaker.succeeded()
    breaker.admit()
    breaker.admit()


def test_probe_that_was_cancelled_leaves_the_try_to_the_next_call():
    clock = HandClock()
    breaker = tripped(clock)
    clock.at_s += OPEN_S
    breaker.admit()
    breaker.abandoned()
    breaker.admit()
