"""Numbers and days as screens write them."""

from datetime import date
from decimal import Decimal

import pytest

from tandem.channels.notation import Notation

ENGLISH = Notation()
GERMAN = Notation(decimal=",", thousands=".", day="%d.%m.%Y")


@pytest.mark.parametrize(
    ("text", "number"),
    [("1,234.50", "1234.50"), ("12", "12"), ("1,234,567", "1234567"), ("1,234.50-", "-1234.50"), ("-3", "-3")],
)
def test_number_is_read_in_the_users_notation(text: str, number: str) -> None:
    assert ENGLISH.parsed(text, "number") == Decimal(number)


@pytest.mark.parametrize("text", ["1,23", "12,34.5", "1.234,50", "12 PC", "O.5", "1..2", "--"])
def test_number_that_is_not_written_in_the_notation_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a number"):
        ENGLISH.parsed(text, "number")


def test_german_number_and_day_go_there_and_back() -> None:
    assert GERMAN.shown("1234.5", "number") == "1234,5"
    assert GERMAN.parsed("1.234,5", "number") == Decimal("1234.5")
    assert GERMAN.shown("2026-12-31", "day") == "31.12.2026"
    assert GERMAN.parsed("31.12.2026", "day") == date(2026, 12, 31)


def test_number_is_shown_without_exponent() -> None:
    assert ENGLISH.shown("1E+3", "number") == "1000"


def test_empty_number_and_day_are_none() -> None:
    assert ENGLISH.parsed(" ", "number") is None
    assert ENGLISH.parsed("", "day") is None


def test_day_in_another_notation_is_refused() -> None:
    with pytest.raises(ValueError, match="does not match format"):
        ENGLISH.parsed("31.12.2026", "day")
