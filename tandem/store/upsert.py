"""Inserts that meet a row which is there already, in either SQL dialect."""

from typing import TypeAlias

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Insert: TypeAlias = postgresql.Insert | sqlite.Insert


def insert_into(connection: Connection, table: Table) -> Insert:
    """An insert with ``on_conflict_do_nothing`` and ``on_conflict_do_update``, whose ``rowcount`` can be asked."""
    new = postgresql.insert(table) if connection.dialect.name == "postgresql" else sqlite.insert(table)
    return new.execution_options(preserve_rowcount=True)
