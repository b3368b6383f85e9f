"""Changes: small writes of running runs, so many of one kind that a group of them is one statement."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from sqlalchemy import Connection

from tandem.store.statement import Statement


class Change:
    """Work for the store that writes one row of a run, if the run still is in the epoch the values name.

    Returns whether it did. It must leave the run's epoch alone: then changes do not depend on their order, and those
    of one ``statement`` are carried out together.
    """

    def __init__(self, statement: Statement, values: dict[str, Any]) -> None:
        self.statement, self.values = statement, values

    def __call__(self, connection: Connection) -> bool:
        return self.statement.changed(connection, self.values) == 1


class PartlyFenced(Exception):
    """Of several changes some met a run in another epoch: they must be carried out one by one."""


def carry_out(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
    """What each work returns, done in order, neighbouring changes together. Raises PartlyFenced."""
    results: list[Any] = []
    for are_changes, stretch in groupby(works, key=lambda work: isinstance(work, Change)):
        if are_changes:
            results += _together(connection, [work for work in stretch if isinstance(work, Change)])
        else:
            results += [work(connection) for work in stretch]
    return results


def _together(connection: Connection, changes: Sequence[Change]) -> list[bool]:
    if len(changes) == 1:
        return [changes[0](connection)]
    by_statement: dict[Statement, list[dict[str, Any]]] = {}
    for change in changes:
        by_statement.setdefault(change.statement, []).append(change.values)
    for statement, values in by_statement.items():
        if statement.changed_by_all(connection, values) != len(values):
            raise PartlyFenced
    return [True] * len(changes)
