"""Firings over years, compared with another way to find them: walk every minute, and look at the wall clock."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from itertools import takewhile
from zoneinfo import ZoneInfo

import pytest

from tandem.triggers.calendar import China, Weekdays
from tandem.triggers.rule import Cron, Every, Rule

SHANGHAI, BERLIN, NEW_YORK = ZoneInfo("Asia/Shanghai"), ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")
MINUTE = timedelta(minutes=1)

NOTICES = {
    2024: (
        "01-01 02-10..02-17 04-04..04-06 05-01..05-05 06-10 09-15..09-17 10-01..10-07",
        "02-04 02-18 04-07 04-28 05-11 09-14 09-29 10-12",
    ),
    2025: ("01-01 01-28..02-04 04-04..04-06 05-01..05-05 05-31..06-02 10-01..10-08", "01-26 02-08 04-27 09-28 10-11"),
    2026: (
        "01-01..01-03 02-15..02-23 04-04..04-06 05-01..05-05 06-19..06-21 09-25..09-27 10-01..10-07",
        "01-04 02-14 02-28 05-09 09-20 10-10",
    ),
}
"""Days off and make-up working days as the State Council's notices give them (国办发明电 2023-7, 2024-12, 2025-7)."""


def days_of(text: str, year: int) -> Iterator[date]:
    for span in text.split():
        first, _, last = span.partition("..")
        day, end = date.fromisoformat(f"{year}-{first}"), date.fromisoformat(f"{year}-{last or first}")
        while day <= end:
            yield day
            day += timedelta(days=1)


def works_in_china(day: date) -> bool:
    off, make_up = (set(days_of(text, day.year)) for text in NOTICES[day.year])
    return day in make_up or (day.weekday() < 5 and day not in off)


def between(rule: Rule, first: datetime, last: datetime) -> list[datetime]:
    """The rule's own answer for [first, last)."""
    return list(takewhile(lambda at: at < last, rule.following(first - timedelta(microseconds=1))))


def minutes(first: datetime, last: datetime) -> Iterator[datetime]:
    at = first
    while at < last:
        yield at
        at += MINUTE


def year(number: int) -> tuple[datetime, datetime]:
    return datetime(number, 1, 1, tzinfo=UTC), datetime(number + 1, 1, 1, tzinfo=UTC)


def wall_times(zone: ZoneInfo, first: datetime, last: datetime, at: time) -> list[datetime]:
    """The instant of a wall-clock time on every day: the first of two, the first minute after a gap."""
    found = []
    day = first.date() - timedelta(days=1)
    while day <= last.date():
        wall = datetime.combine(day, at)
        found.append(wall.replace(tzinfo=zone).astimezone(UTC) if is_plain(wall, zone) else walked(wall, zone))
        day += timedelta(days=1)
    return [instant for instant in found if first <= instant < last]


def is_plain(wall: datetime, zone: ZoneInfo) -> bool:
    """Whether the clocks are not changed the day before, that day or the day after."""
    around = (wall + timedelta(days=number) for number in (-2, 2))
    return len({each.replace(tzinfo=zone).utcoffset() for each in around}) == 1


def walked(wall: datetime, zone: ZoneInfo) -> datetime:
    middle = wall.replace(tzinfo=UTC) - (wall.replace(tzinfo=zone).utcoffset() or timedelta(0))
    near = list(minutes(middle - timedelta(hours=3), middle + timedelta(hours=3)))
    same = [minute for minute in near if local(minute, zone) == wall]
    return same[0] if same else max(minute for minute in near if local(minute, zone) < wall) + MINUTE


def local(instant: datetime, zone: ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


@pytest.mark.parametrize("number", sorted(NOTICES))
def test_working_days_of_china_are_those_of_the_notices(number: int) -> None:
    rule = Rule(Cron("0 2 * * *", SHANGHAI), China())
    start, end = (instant - timedelta(hours=8) for instant in year(number))
    expected = [at for at in wall_times(SHANGHAI, start, end, time(2)) if works_in_china(local(at, SHANGHAI).date())]
    assert between(rule, start, end) == expected
    assert len(expected) == {2024: 251, 2025: 248, 2026: 248}[number]


@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK, LORD_HOWE, SHANGHAI])
@pytest.mark.parametrize("at", [time(2, 30), time(1, 30), time(2), time(3), time(23, 59)])
def test_job_at_a_fixed_time_fires_once_a_day_over_years_of_daylight_saving(zone: ZoneInfo, at: time) -> None:
    rule = Rule(Cron(f"{at.minute} {at.hour} * * *", zone))
    start, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2028, 1, 1, tzinfo=UTC)
    assert between(rule, start, end) == wall_times(zone, start, end, at)


@pytest.mark.parametrize(
    ("day", "fires"),
    [
        (date(2026, 3, 29), ["2026-03-29T03:00:00+02:00"]),
        (date(2026, 10, 25), ["2026-10-25T02:30:00+02:00"]),
        (date(2026, 7, 1), ["2026-07-01T02:30:00+02:00"]),
    ],
)
def test_half_past_two_in_berlin_on_the_days_the_clocks_change(day: date, fires: list[str]) -> None:
    rule = Rule(Cron("30 2 * * *", BERLIN))
    midnight = datetime.combine(day, time(), BERLIN).astimezone(UTC)
    assert between(rule, midnight, midnight + timedelta(hours=23)) == [datetime.fromisoformat(text) for text in fires]


def test_looking_from_within_the_second_pass_of_the_hour_does_not_fire_it_again() -> None:
    second_pass = datetime.fromisoformat("2026-10-25T02:10:00+01:00")
    assert Rule(Cron("30 2 * * *", BERLIN)).after(second_pass) == datetime.fromisoformat("2026-10-26T02:30:00+01:00")


def test_two_times_that_the_gap_makes_one_fire_once() -> None:
    rule = Rule(Cron("0,30 2,3 * * *", BERLIN))
    midnight = datetime.fromisoformat("2026-03-29T00:00:00+01:00").astimezone(UTC)
    found = [local(at, BERLIN).time() for at in between(rule, midnight, midnight + timedelta(hours=6))]
    assert found == [time(3), time(3, 30)]


@pytest.mark.parametrize("first", [datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 10, 15, tzinfo=UTC)])
@pytest.mark.parametrize("zone", [BERLIN, NEW_YORK])
@pytest.mark.parametrize("expression", ["*/15 * * * *", "0 * * * *", "7 */2 * * *"])
def test_job_that_follows_the_hours_matches_every_minute_of_the_wall_clock(
    zone: ZoneInfo, expression: str, first: datetime
) -> None:
    minute, hour, *_ = expression.split()
    allowed_minutes = set(range(0, 60, 15)) if minute == "*/15" else {int(minute)}
    allowed_hours = set(range(0, 24, 2)) if hour == "*/2" else set(range(24))
    last = first + timedelta(days=30)
    expected = [
        at
        for at in minutes(first, last)
        if local(at, zone).minute in allowed_minutes and local(at, zone).hour in allowed_hours
    ]
    assert between(Rule(Cron(expression, zone)), first, last) == expected


def test_interval_falls_on_the_same_instants_whoever_asks_and_when() -> None:
    rule = Rule(Every(timedelta(seconds=30), ZoneInfo("UTC")))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    asked_early = between(rule, start, start + timedelta(minutes=5))
    asked_late = between(rule, start + timedelta(seconds=47), start + timedelta(minutes=5))
    assert [at.second for at in asked_early] == [0, 30] * 5
    assert asked_late == asked_early[2:]


def test_interval_on_working_days_rests_at_weekends() -> None:
    rule = Rule(Every(timedelta(hours=12), SHANGHAI), Weekdays())
    saturday = datetime(2026, 1, 3, tzinfo=SHANGHAI).astimezone(UTC)
    assert rule.after(saturday) == datetime(2026, 1, 5, 8, tzinfo=SHANGHAI)


@pytest.mark.parametrize("expression", ["0 2 * * 6", "* * * * 0"])
def test_rule_that_no_working_day_fits_is_never_due(expression: str) -> None:
    assert Rule(Cron(expression, SHANGHAI), Weekdays()).after(datetime(2026, 1, 1, tzinfo=UTC)) is None


def test_leap_day_is_found_eight_years_ahead() -> None:
    rule = Rule(Cron("0 0 29 2 *", ZoneInfo("UTC")))
    assert rule.after(datetime(2096, 3, 1, tzinfo=UTC)) == datetime(2104, 2, 29, tzinfo=UTC)


@pytest.mark.parametrize("most", [1, 3])
@pytest.mark.parametrize("back", [timedelta(minutes=1), timedelta(days=3), timedelta(days=500)])
def test_newest_instants_are_the_last_of_all(most: int, back: timedelta) -> None:
    rule = Rule(Cron("30 2 * * 1", BERLIN), China())
    until = datetime(2026, 10, 26, 1, 30, tzinfo=UTC)
    everything = between(rule, until - back + timedelta(microseconds=1), until + timedelta(microseconds=1))
    assert rule.newest(until - back, until, most) == everything[-most:]
