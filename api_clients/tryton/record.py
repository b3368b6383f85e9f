"""A record as REST shows it, turned into a row of the Api."""

from collections.abc import Sequence

from api_clients.tryton.values import Row


class LeftOut(Exception):
    """A field is not in the answer."""


def row(record: Row, fields: Sequence[str], above: str = "") -> Row:
    """The record as the Api has it: REST puts what was asked of a related record in the place of its id.

    Raises LeftOut, for REST says nothing when it leaves out what the user may not see.
    """
    below: dict[str, list[str]] = {"id": []}
    for field in fields:
        head, _, rest = field.partition(".")
        below.setdefault(head, []).extend([rest] if rest else [])
    made: Row = {}
    for head, names in below.items():
        if head not in record:
            raise LeftOut(f"{above}{head}")
        made[head] = record[head]
        if names:
            made[f"{head}."] = None if record[head] is None else row(record[head], names, f"{above}{head}.")
            made[head] = None if record[head] is None else record[head]["id"]
    return made
