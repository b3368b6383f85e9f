"""Reading Tandem's own books from the command line."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import Connection

from tandem.cli.stopping import carry_out
from tandem.workspace.store import open_store
from tandem.workspace.workspace import Workspace

T = TypeVar("T")


def read(workspace: Workspace, work: Callable[[Connection], T]) -> T:
    """What a function of the store's connection returns. Raises StoreError."""

    async def reading() -> T:
        database = open_store(workspace)
        try:
            return await database.read(work)
        finally:
            await database.close()

    return carry_out(reading())
