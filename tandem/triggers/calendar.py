"""Working days: Monday to Friday, China's with its make-up weekends, or a user's own file.

China's days are those of the State Council's yearly notice, as the package chinesecalendar holds them (2004 to 2026 in
its version 1.11). A year it does not know is not guessed at: Monday to Friday count as working days there, and that is
said once. A user's file can name the days of such a year, and then nothing is said.
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated, Literal, Protocol

import chinese_calendar
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tandem import log
from tandem.text import tr

_SATURDAY = 5
_SPAN = ".."


class Calendar(Protocol):
    """Which days are working days. ``knows`` says whether the days of a year are known, or Monday to Friday assumed."""

    def is_working(self, day: date) -> bool: ...

    def knows(self, year: int) -> bool: ...


class Weekdays:
    """Monday to Friday, whatever the year."""

    def is_working(self, day: date) -> bool:
        return day.weekday() < _SATURDAY

    def knows(self, year: int) -> bool:
        return True


class China:
    """The People's Republic's public holidays and make-up working weekends."""

    def __init__(self) -> None:
        self._years = {day.year for day in chinese_calendar.holidays}
        self._unknown: set[int] = set()

    def is_working(self, day: date) -> bool:
        if not self.knows(day.year):
            self._say_unknown(day.year)
        return day in chinese_calendar.workdays or (day.weekday() < _SATURDAY and day not in chinese_calendar.holidays)

    def knows(self, year: int) -> bool:
        return year in self._years

    def _say_unknown(self, year: int) -> None:
        if year not in self._unknown:
            self._unknown.add(year)
            log.event("calendar.year_unknown", level="WARNING", calendar="china", year=year, assumed="Monday to Friday")


def _days(value: object) -> tuple[date, ...]:
    """The days of ``2027-10-01`` or of ``2027-02-05..2027-02-11``."""
    if isinstance(value, tuple):
        return value
    first, _, last = str(value).partition(_SPAN)
    try:
        begin, end = date.fromisoformat(first), date.fromisoformat(last or first)
    except ValueError:
        raise ValueError(
            tr("{value} is no day such as 2027-10-01, nor days such as 2027-02-05..2027-02-11", value=value)
        ) from None
    if end < begin:
        raise ValueError(tr("{value} ends before it begins", value=value))
    return tuple(begin + timedelta(days=number) for number in range((end - begin).days + 1))


Days = Annotated[tuple[date, ...], BeforeValidator(_days, json_schema_input_type=str)]


class CalendarFile(BaseModel):
    """``calendars/<name>.yaml``: what differs from a base. ``holidays`` and ``working_days`` are days, or first..last.

    The years it names days of are known; of others the base speaks.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    base: Literal["weekdays", "china"] = "weekdays"
    holidays: tuple[Days, ...] = Field(default=())
    working_days: tuple[Days, ...] = Field(default=())

    @model_validator(mode="after")
    def _is_consistent(self) -> "CalendarFile":
        twice = sorted({*_flat(self.holidays)} & {*_flat(self.working_days)})
        if twice:
            raise ValueError(tr("{value} is both a holiday and a working day; leave it in one list", value=twice[0]))
        return self


class OwnCalendar:
    """A user's file over its base."""

    def __init__(self, file: CalendarFile, base: Calendar) -> None:
        self._base = base
        self._holidays, self._working = {*_flat(file.holidays)}, {*_flat(file.working_days)}
        self._years = {day.year for day in self._holidays | self._working}

    def is_working(self, day: date) -> bool:
        if day in self._holidays or day in self._working:
            return day in self._working
        if day.year in self._years and not self._base.knows(day.year):
            return day.weekday() < _SATURDAY
        return self._base.is_working(day)

    def knows(self, year: int) -> bool:
        return year in self._years or self._base.knows(year)


def built_in_calendars() -> dict[str, Calendar]:
    """The calendars that need no file, by name."""
    return {"weekdays": Weekdays(), "china": China()}


def _flat(spans: tuple[tuple[date, ...], ...]) -> Iterator[date]:
    return (day for span in spans for day in span)
