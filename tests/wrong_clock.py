"""A clock that is wrong."""

from datetime import datetime, timedelta

from tandem.domain.clock import SystemClock


class WrongClock(SystemClock):
    """This machine's clock, but ``ahead`` of the time; it may be moved."""

    def __init__(self, ahead: timedelta) -> None:
        self.ahead = ahead

    def now(self) -> datetime:
        return super().now() + self.ahead
