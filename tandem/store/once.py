"""Rows that are added once, however many ask for it at the same time."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Add the row; False when one with a key of it is there, or is being added by a transaction that then commits."""
    if connection.dialect.name == "postgresql":
        added = connection.execute(postgresql.insert(table).values(values).on_conflict_do_nothing())
    else:
        added = connection.execute(sqlite.insert(table).values(values).on_conflict_do_nothing())
    return added.rowcount == 1
