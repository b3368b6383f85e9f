"""SOQL: queries and the values in them; instants as Salesforce writes them."""

from collections.abc import Iterable
from datetime import UTC, datetime

_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"},
)


def select(fields: Iterable[str], source: str, *, where: str = "", order_by: str = "") -> str:
    """A query. ``fields`` may hold a child query, made by this function too and put in brackets."""
    parts = ["SELECT", ",".join(fields), "FROM", source]
    parts += ["WHERE", where] if where else []
    parts += ["ORDER BY", order_by] if order_by else []
    return " ".join(parts)


def quoted(text: str) -> str:
    """A string literal that holds exactly this text."""
    return f"'{text.translate(_ESCAPES)}'"


def instant_literal(moment: datetime) -> str:
    """An aware instant as ``2026-01-31T08:00:00Z``, cut to the second; never quoted in SOQL."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def instant(text: str) -> datetime:
    """The aware instant of ``2026-01-31T08:00:00.000+0000``. Raises ValueError, also for one without an offset."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError("an instant without an offset")
    return moment.astimezone(UTC)
