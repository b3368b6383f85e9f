"""Watermarks: how far a bot has read a system's changes, in the vendor's own time."""

from datetime import datetime

from sqlalchemy import Connection, select

from tandem.store.schema import watermarks
from tandem.store.upsert import insert_into


def load(connection: Connection, bot: str, system: str) -> datetime | None:
    """Where the next poll starts; None before the first."""
    query = select(watermarks.c.value).where(watermarks.c.bot == bot, watermarks.c.system == system)
    value = connection.execute(query).scalar()
    return None if value is None else datetime.fromisoformat(value)


def save(connection: Connection, bot: str, system: str, value: datetime) -> None:
    """Move the watermark; in the same transaction as the runs that the poll made."""
    new = insert_into(connection, watermarks).values(bot=bot, system=system, value=value.isoformat())
    connection.execute(new.on_conflict_do_update(index_elements=["bot", "system"], set_={"value": new.excluded.value}))
