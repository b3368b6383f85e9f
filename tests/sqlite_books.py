"""What stands in a system's own SQLite database, read beside the running server."""

import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any


def rows(database: str | Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Every number with a fraction is a Decimal; Tryton keeps its own decimals as bytes."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=20)) as books:
        return [tuple(map(_value, row)) for row in books.execute(query, values)]


def _value(value: object) -> object:
    if isinstance(value, bytes):
        return Decimal(value.decode())
    return Decimal(str(value)) if isinstance(value, float) else value
