"""Watermarks: how far a bot has read a system's changes, in the vendor's own time."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from tandem.store.schema import watermarks


def load(connection: Connection, bot: str, system: str) -> datetime | None:
    """Where the next poll starts; None before the first."""
    query = select(watermarks.c.value).where(watermarks.c.bot == bot, watermarks.c.system == system)
    value = connection.execute(query).scalar()
    return None if value is None else datetime.fromisoformat(value)


def save(connection: Connection, bot: str, system: str, value: datetime) -> None:
    """Move the watermark; in the same transaction as the runs that the poll made."""
    connection.execute(delete(watermarks).where(watermarks.c.bot == bot, watermarks.c.system == system))
    connection.execute(insert(watermarks).values(bot=bot, system=system, value=value.isoformat()))
