"""How long a vendor asks us to wait, in every spelling."""

from datetime import UTC, datetime

import pytest

from tandem.http.retry_after import LONGEST_S, retry_after_s

NOW = datetime(2027, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        (" 120 ", 120),
        ("Mon, 01 Mar 2027 12:02:00 GMT", 120),
        ("Mon, 01 Mar 2027 13:02:00 +0100", 120),
        ("Mon, 01 Mar 2027 12:02:00 -0000", 120),
        ("Mon, 01 Mar 2027 11:00:00 GMT", 0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("Mon, 99 Mar 2027 12:02:00 GMT", None),
        ("9" * 400, LONGEST_S),
        ("Wed, 01 Mar 2090 12:00:00 GMT", LONGEST_S),
    ],
)
def test_wait_is_read_or_taken_for_no_word_and_never_longer_than_a_day(value, seconds):
    assert retry_after_s(value, NOW) == seconds
