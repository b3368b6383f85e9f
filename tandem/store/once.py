"""Rows that are added once, however many ask for it at the same time."""

from typing import Any

from sqlalchemy import Connection, Table

from tandem.store.upsert import insert_into


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Add the row; False when one with a key of it is there, or is being added by a transaction that then commits.

    What was added is asked back: the number of rows an INSERT added is not told alike by all drivers.
    """
    added = insert_into(connection, table).values(values).on_conflict_do_nothing().returning(*table.primary_key)
    return connection.execute(added).first() is not None
