"""Values as Tryton's JSON writes them: decimals and days are objects, quantities are plain numbers."""

import json
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

Row = dict[str, Any]


def encoded(value: object) -> Any:
    """A value of ours as Tryton reads it."""
    if isinstance(value, Decimal):
        return {"__class__": "Decimal", "decimal": f"{value:f}"}
    if isinstance(value, datetime):
        raise TypeError("no operation sends an instant")
    if isinstance(value, date):
        return {"__class__": "date", "year": value.year, "month": value.month, "day": value.day}
    if isinstance(value, timedelta):
        return {"__class__": "timedelta", "seconds": value.total_seconds()}
    if isinstance(value, Mapping):
        return {key: encoded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encoded(item) for item in value]
    return value


def parsed(content: bytes) -> Any:
    """A body of Tryton's in values of ours. Quantities keep the digits they came with. Raises ValueError."""
    try:
        return json.loads(content, object_hook=_decoded, parse_float=Decimal)
    except (KeyError, TypeError, ArithmeticError) as error:
        raise ValueError("no value of Tryton") from error


def related(row: Row, field: str, name: str) -> Any:
    """A field of the record that another one points to; None when it points nowhere."""
    target = row[f"{field}."]
    return None if target is None else target[name]


def plain(row: Row) -> Row:
    """The fields alone, without the names of what they point to."""
    return {name: value for name, value in row.items() if not name.endswith(".")}


def _decoded(record: Row) -> Any:
    kind = record.get("__class__")
    if kind == "Decimal":
        return Decimal(record["decimal"])
    if kind == "date":
        return date(record["year"], record["month"], record["day"])
    if kind == "timedelta":
        return timedelta(seconds=float(record["seconds"]))
    return record
