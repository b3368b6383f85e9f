"""The composite call: several changes as one transaction and one call."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api_clients.salesforce.fault import HALTED, Refused, fault_of

MOST = 25


class MalformedComposite(ValueError):
    """The answer does not tell what became of the changes."""


@dataclass(frozen=True)
class Change:
    """``resource`` is below the version's root, such as ``sobjects/Order/801…``; ``values`` by field name."""

    method: str
    resource: str
    values: dict[str, Any]


def encoded(changes: Sequence[Change], root: str) -> dict[str, Any]:
    """The body of the call. Raises ValueError for none, or more than ``MOST``."""
    if not 1 <= len(changes) <= MOST:
        raise ValueError(f"1 to {MOST} changes make a composite call, not {len(changes)}")
    return {
        "allOrNone": True,
        "compositeRequest": [
            {
                "method": change.method,
                "url": f"{root}/{change.resource}",
                "referenceId": f"change{position}",
                "body": change.values,
            }
            for position, change in enumerate(changes)
        ],
    }


def check(answer: dict[str, Any], count: int) -> None:
    """Returns when all ``count`` changes were carried out.

    Raises Refused with the position of the one that undid all, MalformedComposite when that cannot be told.
    """
    parts = answer.get("compositeResponse")
    if not isinstance(parts, list) or len(parts) != count or not all(isinstance(part, dict) for part in parts):
        raise MalformedComposite("its parts are not those that were sent")
    statuses = [part.get("httpStatusCode") for part in parts]
    if all(status in (200, 201, 204) for status in statuses):
        return
    for position, part in enumerate(parts):
        status, fault = statuses[position], fault_of(part.get("body"))
        if isinstance(status, int) and 400 <= status < 500 and fault is not None and fault.code != HALTED:
            raise Refused(status, fault, position=position)
    raise MalformedComposite(f"it has the statuses {', '.join(map(str, statuses))} without a cause")
