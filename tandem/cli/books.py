"""Reading Tandem's own books from the command line."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from tandem.cli.session import Session
from tandem.cli.stopping import carry_out
from tandem.workspace.store import open_store

T = TypeVar("T")


def read(session: Session, work: Callable[[Connection], T]) -> T:
    """What a function of the connection to the workspace's store returns. Raises StoreError."""

    async def reading() -> T:
        database = open_store(session.workspace)
        try:
            return await database.read(work)
        finally:
            await database.close()

    return carry_out(session, reading())
