"""A circuit breaker: a system that is down is not asked again and again."""

from tandem.domain.clock import Clock
from tandem.errors import Unreachable
from tandem.http.settings import Breaker


class CircuitBreaker:
    """Opens after so many failures in a row; after its rest one call tries, and closes it when that succeeds."""

    def __init__(self, system: str, settings: Breaker, clock: Clock) -> None:
        self._system, self._settings, self._clock = system, settings, clock
        self._failures = 0
        self._open_until_s = 0.0
        self._trying = False

    def check(self) -> None:
        """Raises Unreachable while the circuit is open."""
        if self._failures < self._settings.failures:
            return
        left_s = self._open_until_s - self._clock.monotonic_s()
        if left_s > 0 or self._trying:
            raise Unreachable(
                "System {system} failed {count} times in a row and is left alone for {left} s. Nothing was sent.",
                system=self._system,
                count=self._failures,
                left=f"{max(0.0, left_s):.1f}",
            )
        self._trying = True

    def succeeded(self) -> None:
        """The system answered."""
        self._failures, self._trying = 0, False

    def left(self) -> None:
        """The call was given up from our side: nothing was learned of the system."""
        self._trying = False

    def failed(self) -> None:
        """The system did not answer, or not usefully."""
        self._failures += 1
        self._trying = False
        if self._failures >= self._settings.failures:
            self._open_until_s = self._clock.monotonic_s() + self._settings.rest_s
