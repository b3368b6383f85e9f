"""Rows that are added once, however many ask for it at the same time."""

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Add the row; False when one with a key of it is there, or is being added by a transaction that then commits.

    What was added is asked back: the number of rows an INSERT added is not told alike by all drivers.
    """
    if connection.dialect.name == "postgresql":
        added = postgresql.insert(table).values(values).on_conflict_do_nothing().returning(*table.primary_key)
    else:
        added = sqlite.insert(table).values(values).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(added).first() is not None
