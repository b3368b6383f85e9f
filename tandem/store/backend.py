"""What the store's one writer must know of the database behind it."""

from typing import Protocol

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from tandem.errors import StoreError


class Backend(Protocol):
    """One database system, opened and migrated.

    ``name``: the database as people know it, without a password. ``patience_s``: how long to try again when the
    connection is lost. ``reading`` and ``writing``: engines for readers, and for the one writer.
    """

    @property
    def name(self) -> str: ...

    @property
    def patience_s(self) -> float: ...

    @property
    def reading(self) -> Engine: ...

    @property
    def writing(self) -> Engine: ...

    def seal(self, connection: Connection, number: int) -> None:
        """Mark a group of writes with its number: the last statement before its commit."""
        ...

    def is_committed(self, connection: Connection, number: int) -> bool:
        """Whether the group of that number, whose commit was not answered, is on the disk; waits until it is decided.

        ``connection`` is a new one.
        """
        ...

    def is_lost(self, error: DBAPIError) -> bool:
        """Whether the connection broke: what was not committed can be done again on another."""
        ...

    def is_conflict(self, error: DBAPIError) -> bool:
        """Whether another process was in the way: the same work, done again, meets what that one left."""
        ...

    def is_held_up(self, error: DBAPIError) -> bool:
        """Whether a lock was not to be had in time: what was done was undone."""
        ...

    def end_stalled(self) -> None:
        """End the sessions whose clients stand still in the middle of a transaction, and with them their locks."""
        ...

    def store_error(self, error: DBAPIError) -> StoreError:
        """The failure in one sentence, without the data it was about."""
        ...

    def close(self) -> None:
        """Let go of every connection."""
        ...
