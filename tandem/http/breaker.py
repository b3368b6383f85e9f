"""The circuit breaker of one system: after several failures in a row, fail at once instead of waiting each time."""

import math

from tandem.domain.clock import Clock
from tandem.errors import CircuitOpen, TandemError
from tandem.log import event

FAILURES = 5
OPEN_S = 15.0


class CircuitBreaker:
    """Every call is admitted and then reported: ``succeeded``, ``failed`` or ``abandoned`` (cancelled, nothing learnt).

    Opens after so many ``failures`` in a row; ``open_s`` later one call at a time is let through to try.
    """

    def __init__(self, system: str, clock: Clock, *, failures: int = FAILURES, open_s: float = OPEN_S) -> None:
        self._system = system
        self._clock = clock
        self._limit, self._open_s = failures, open_s
        self._failures = 0
        self._retry_at_s = 0.0
        self._probing = False
        self._last: TandemError | None = None

    def admit(self) -> None:
        """Raises CircuitOpen while it is open, and while a call that was let through has not ended."""
        if self._failures < self._limit:
            return
        wait_s = self._retry_at_s - self._clock.monotonic_s()
        if wait_s > 0 or self._probing:
            raise CircuitOpen(
                "{system} failed {failures} times in a row, so it is left alone for a while. Nothing was sent. "
                "It may be tried again after {wait_s} seconds. The last failure: {why}",
                system=self._system,
                failures=self._failures,
                why=self._last,
                wait_s=math.ceil(wait_s if wait_s > 0 else self._open_s),
            )
        self._probing = True

    def succeeded(self) -> None:
        if self._failures >= self._limit:
            event("circuit.closed", system=self._system)
        self._failures, self._probing = 0, False

    def failed(self, error: TandemError) -> None:
        self._failures += 1
        self._last = error
        self._probing = False
        if self._failures >= self._limit:
            self._retry_at_s = self._clock.monotonic_s() + self._open_s
            event("circuit.opened", level="WARNING", system=self._system, failures=self._failures)

    def abandoned(self) -> None:
        self._probing = False
