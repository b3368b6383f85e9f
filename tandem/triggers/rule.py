"""When a schedule is due: the instants of a cron expression or an interval, on the days its calendar allows.

Daylight saving, as Debian's cron has it: a job at a fixed time that the clocks skip is due at the first minute after
the gap; one at a time that comes twice is due the first time. A job whose minute or hour begins with ``*`` follows the
real hours: nothing in the gap, and both passes of the hour that comes twice.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from tandem.triggers.calendar import Calendar

_MOMENT = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_HORIZON = timedelta(days=9 * 366)
"""An expression that is not due within this time is never due; 29 February is at most eight years away."""
_LOOKING_BACK = (timedelta(hours=2), timedelta(days=2), timedelta(days=40), timedelta(days=400), _HORIZON)


class Beat(Protocol):
    """Instants without regard to working days."""

    @property
    def zone(self) -> ZoneInfo: ...

    def following(self, instant: datetime) -> Iterator[datetime]:
        """Every instant after this one, in order, aware UTC."""
        ...


@dataclass(frozen=True)
class Cron:
    """A cron expression of five fields, read in a time zone."""

    expression: str
    zone: ZoneInfo

    def following(self, instant: datetime) -> Iterator[datetime]:
        newest = instant
        for found in CronSim(self.expression, instant.astimezone(self.zone)):
            at = found.astimezone(UTC)
            if at > newest:
                newest = at
                yield at


@dataclass(frozen=True)
class Every:
    """Multiples of an interval since 1970 in UTC: the same for every worker, whenever it started."""

    interval: timedelta
    zone: ZoneInfo

    def following(self, instant: datetime) -> Iterator[datetime]:
        epoch = datetime(1970, 1, 1, tzinfo=UTC)
        number = (instant - epoch) // self.interval
        while True:
            number += 1
            yield epoch + number * self.interval


@dataclass(frozen=True)
class Rule:
    """A beat, and the calendar whose working days alone count; None: every day."""

    beat: Beat
    calendar: Calendar | None = None

    def following(self, instant: datetime) -> Iterator[datetime]:
        """Every instant after this one, in order; ends where nothing more is due for years."""
        until = instant + _HORIZON
        while True:
            for at in self.beat.following(instant):
                if at > until:
                    return
                day = at.astimezone(self.beat.zone).date()
                if not self._is_allowed(day):
                    instant = self._end_of(day)
                    break
                until = at + _HORIZON
                yield at
            else:
                return

    def after(self, instant: datetime) -> datetime | None:
        """The first instant after this one; None when there is none."""
        return next(self.following(instant), None)

    def newest(self, after: datetime, until: datetime, most: int = 1) -> list[datetime]:
        """The last instants in (after, until], at most so many, oldest first."""
        for back in _LOOKING_BACK:
            start = max(after, until - back)
            found = deque(takewhile(lambda at: at <= until, self.following(start)), maxlen=most)
            if start == after or len(found) == most:
                return list(found)
        return list(found)

    def _is_allowed(self, day: date) -> bool:
        return self.calendar is None or self.calendar.is_working(day)

    def _end_of(self, day: date) -> datetime:
        return datetime.combine(day + _DAY, time(), self.beat.zone).astimezone(UTC) - _MOMENT
