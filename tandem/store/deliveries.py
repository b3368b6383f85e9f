"""Deliveries: messages and changes of other systems that were taken in, so that the same one starts nothing twice."""

from datetime import datetime

from sqlalchemy import Connection, delete, select, update

from tandem.store.once import insert_once
from tandem.store.schema import deliveries


def add(connection: Connection, source: str, delivery_id: str, at: datetime) -> bool:
    """Note a delivery; False when it was taken in before."""
    return insert_once(connection, deliveries, {"source": source, "id": delivery_id, "at": at})


def is_known(connection: Connection, source: str, delivery_id: str) -> bool:
    """Whether the delivery was taken in before."""
    query = select(deliveries.c.id).where(deliveries.c.source == source, deliveries.c.id == delivery_id)
    return connection.execute(query).first() is not None


def link(connection: Connection, source: str, delivery_id: str, run_id: str) -> None:
    """Note the run that came of the delivery."""
    connection.execute(
        update(deliveries).where(deliveries.c.source == source, deliveries.c.id == delivery_id).values(run_id=run_id)
    )


def prune(connection: Connection, before: datetime) -> int:
    """Forget deliveries taken in before then; how many. A copy of one that comes later than that is taken for new."""
    return int(connection.execute(delete(deliveries).where(deliveries.c.at < before)).rowcount)
