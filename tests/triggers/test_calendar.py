"""Days that are known, days that are not, and days a user knows better."""

import io
from datetime import date
from pathlib import Path

import pytest

from tandem import log
from tandem.errors import WorkspaceError
from tandem.triggers.calendar import CalendarFile, China, OwnCalendar, Weekdays
from tandem.workspace.calendars import CALENDAR


def test_year_nobody_has_announced_counts_weekdays_and_says_so_once() -> None:
    told = io.StringIO()
    log.configure(terminal=told)
    try:
        china = China()
        assert not china.knows(2999)
        assert china.is_working(date(2999, 10, 1)) == (date(2999, 10, 1).weekday() < 5)
        assert not china.is_working(date(2999, 10, 5))
    finally:
        log.configure()
    assert told.getvalue().count("calendar.year_unknown") == 1
    assert "year=2999" in told.getvalue()


def test_users_file_makes_a_year_known_and_has_the_last_word() -> None:
    file = CalendarFile.model_validate(
        {
            "format": 1,
            "base": "china",
            "holidays": ["2999-10-01..2999-10-03", "2026-03-02"],
            "working_days": ["2999-10-05"],
        }
    )
    own = OwnCalendar(file, China())
    assert own.knows(2999)
    assert [own.is_working(date(2999, 10, day)) for day in range(1, 7)] == [False, False, False, True, True, False]
    assert not own.is_working(date(2026, 3, 2))
    assert own.is_working(date(2026, 2, 14))


def test_file_without_a_base_stands_on_weekdays() -> None:
    own = OwnCalendar(CalendarFile.model_validate({"format": 1, "holidays": ["2026-12-25"]}), Weekdays())
    assert [own.is_working(date(2026, 12, day)) for day in range(24, 28)] == [True, False, False, False]


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("holidays: [2027-13-01]", "holds a date that there is not: month must be in 1..12"),
        ("holidays: [2027-2-5..2027-02-06]", "2: holidays.0: 2027-2-5..2027-02-06 is no day such as 2027-10-01"),
        ("holidays: [2027-02-11..2027-02-05]", "2: holidays.0: 2027-02-11..2027-02-05 ends before it begins"),
        ("base: chine", "2: base is 'chine'. Valid values: weekdays, china. Did you mean china?"),
        ("{holidays: [2027-01-01], working_days: [2027-01-01]}", "2027-01-01 is both a holiday and a working day"),
    ],
)
def test_mistake_in_a_calendar_file_is_told(line: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "acme.yaml"
    text = line[1:-1].replace(", working", "\nworking") if line.startswith("{") else line
    path.write_text(f"format: 1\n{text}\n", encoding="utf-8")
    with pytest.raises(WorkspaceError) as told:
        CALENDAR.read(path)
    assert sentence in str(told.value)
