"""What is asked of REST in an address: a domain and its parts."""

import base64
import json
from collections.abc import Sequence
from typing import Any

from api_clients.tryton.values import encoded

_AT_ONCE = 100
"""The most values of a domain that travel in one address: proxies take 8 KB."""


def urlsafe(value: object) -> str:
    """The value as REST reads it in an address or a header."""
    return base64.urlsafe_b64encode(json.dumps(encoded(value), ensure_ascii=False).encode()).decode()


def parts(domain: Sequence[Any]) -> list[Sequence[Any]]:
    """The domain, or as many as its first long list of values needs; no record belongs to two of them."""
    for position, clause in enumerate(domain):
        if domain[0] != "OR" and len(clause) == 3 and clause[1] == "in" and len(clause[2]) > _AT_ONCE:
            values = list(dict.fromkeys(clause[2]))
            before, after = domain[:position], domain[position + 1 :]
            chunks = (values[first : first + _AT_ONCE] for first in range(0, len(values), _AT_ONCE))
            return [[*before, [clause[0], "in", chunk], *after] for chunk in chunks]
    return [domain]


def fields_of(domain: Sequence[Any]) -> list[str]:
    """The fields that the domain itself names; those of domains within it are left out."""
    return [clause[0] for clause in domain if isinstance(clause, list | tuple) and clause[0] not in ("AND", "OR")]
