"""Values in OData V2 JSON: dates as ``/Date(ms)/``, decimals as strings, numbers shown without leading zeros."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation

_DATE = re.compile(r"/Date\((-?\d+)([+-]\d+)?\)/")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def edm_date(day: date) -> str:
    """The day as ``/Date(ms)/`` at midnight UTC."""
    return f"/Date({(datetime(day.year, day.month, day.day, tzinfo=UTC) - _EPOCH) // _MS})/"


def edm_decimal(number: Decimal) -> str:
    """The number in plain digits: Gateway refuses exponents, and JSON numbers too."""
    return f"{number:f}"


def instant(value: str) -> datetime:
    """The aware UTC instant of ``/Date(ms)/``, ``/Date(ms+0000)/`` or an ISO text. Raises ValueError.

    The offset of ``/Date(ms+offset)/`` is the sender's time zone; ``ms`` counts in UTC already.
    """
    found = _DATE.fullmatch(value)
    if found is not None:
        try:
            return _EPOCH + int(found[1]) * _MS
        except OverflowError:
            raise ValueError("date out of range") from None
    parsed = datetime.fromisoformat(value)
    return parsed.astimezone(UTC) if parsed.tzinfo is not None else parsed.replace(tzinfo=UTC)


def day(value: str | None) -> date | None:
    """The day of an Edm.DateTime; an initial date is null or empty. Raises ValueError."""
    return instant(value).date() if value else None


def number(value: object) -> Decimal:
    """The Decimal of a JSON string or number. Raises ValueError."""
    try:
        return Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError("not a decimal number") from None


def bare(identifier: str) -> str:
    """A purely numeric key without leading zeros, as V2 services show it; any other key unchanged."""
    text = identifier.strip()
    return (text.lstrip("0") or "0") if text.isascii() and text.isdigit() else text
