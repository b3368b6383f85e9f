"""``Retry-After``: the seconds a vendor asks us to wait."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

LONGEST_S = 86_400.0
"""No vendor's word closes a system for more than a day: every quota has renewed itself by then."""


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds from ``now``, 0 to ``LONGEST_S``; None when the header is missing or unreadable (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return min(float(value), LONGEST_S)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(0.0, (aware - now).total_seconds()), LONGEST_S)
