"""The store's clock, which all workers of a store share: their own need not agree, and may be put back."""

from datetime import UTC, datetime

from sqlalchemy import Connection, func, select

OPTION = "store_clock"
"""Of an engine or a connection: a function of the connection that asks its server for the time."""


def store_now(connection: Connection, ours: datetime | None = None) -> datetime:
    """The time by the store's clock. An embedded store has no server, and one process: its clock is ``ours``, which is
    that of this machine when it is not given."""
    ask = connection.get_execution_options().get(OPTION)
    if ask is None:
        return ours or datetime.now(UTC)
    now: datetime = ask(connection)
    return now


def ask_server(connection: Connection) -> datetime:
    """What PostgreSQL's clock says."""
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)
