"""Business keys while one transaction decides which run of a key goes on: no other decides about the same key."""

from collections.abc import Sequence

from sqlalchemy import Connection, text

_SPACE = 0x7A4D
_reserve = text(
    "SELECT key FROM unnest(CAST(:keys AS text[])) AS key WHERE pg_try_advisory_xact_lock(:space, hashtext(key))"
)
_wait = text("SELECT pg_advisory_xact_lock(:space, hashtext(:key))")


def are_shared(connection: Connection) -> bool:
    """Whether several processes may write at once; an embedded store has one writer."""
    return connection.dialect.name == "postgresql"


def reserve(connection: Connection, keys: Sequence[str]) -> set[str]:
    """Those of the keys that nobody else decides about now; they are ours until the transaction ends."""
    found = connection.execute(_reserve, {"keys": sorted(set(keys)), "space": _SPACE})
    return set(found.scalars())


def wait_for(connection: Connection, key: str) -> None:
    """Wait until nobody else decides about the key; then it is ours until the transaction ends."""
    if are_shared(connection):
        connection.execute(_wait, {"key": key, "space": _SPACE})
