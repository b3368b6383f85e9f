"""The right to send: an intent is good for a few seconds, then the store must say that the run is still ours.

What holds over many workers: a run is only ever taken over by raising its epoch, and an intent is on the disk only
if the run was ours then. So an unsafe request leaves within ``INTENT_S`` of an instant at which the run was ours, or
it does not leave. A worker that was stopped for longer and wakes up asks first, and is told that it is fenced.

What nobody can rule out is the last instant: a worker stopped between this question and the first byte. Its request
may leave whenever it wakes up, if the connection still stands. To the run's new holder it is one more commit that
comes late: within ``settle_s`` the read-back finds it, and until ``late_s`` the late look does, which cancels the twin
or opens a ticket.
"""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from tandem.domain.clock import Clock

INTENT_S = 5.0
"""How long an intent is good for. Less than the time after which a silent worker is taken for dead."""


class Hold:
    """A worker's hold on a run, proved when an intent began to be written. Its age is what the clock that went further
    says: a machine that was suspended shows it on the wall clock only.

    ``prove`` asks the store; it raises what stops the run when another worker has it.
    """

    def __init__(self, clock: Clock, prove: Callable[[], Awaitable[None]]) -> None:
        self._clock, self._prove = clock, prove
        self._proved_at = self._read_clocks()

    async def confirm(self) -> None:
        """Return when the hold is proved and fresh. Raises what ``prove`` raises."""
        while self._age_s() > INTENT_S:
            asked_at = self._read_clocks()
            await self._prove()
            self._proved_at = asked_at

    def _read_clocks(self) -> tuple[float, float]:
        return self._clock.monotonic_s(), self._clock.now().timestamp()

    def _age_s(self) -> float:
        return max(now - then for now, then in zip(self._read_clocks(), self._proved_at, strict=True))


_current: ContextVar[Hold | None] = ContextVar("hold", default=None)


def current_hold() -> Hold | None:
    """The hold under which this task writes; None where no run does."""
    return _current.get()


@contextmanager
def holding(hold: Hold) -> Iterator[None]:
    """What is sent inside, in this task and those it starts, is sent under this hold."""
    token = _current.set(hold)
    try:
        yield
    finally:
        _current.reset(token)


async def confirm_hold() -> None:
    """The last word before a write leaves. Raises what stops the run when another worker has it."""
    hold = current_hold()
    if hold is not None:
        await hold.confirm()
