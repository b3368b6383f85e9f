"""OData V2 addresses: literals, key segments, function calls and query options, percent-encoded once.

Source: OData V2 URI conventions; SAP Gateway accepts numeric-looking keys with and without leading zeros.
"""

from datetime import UTC, date, datetime
from decimal import Decimal
from urllib.parse import quote

Value = str | bool | int | Decimal | date | datetime

_SAFE_IN_QUERY = "'(),/:$*"
_SAFE_IN_PATH = "'(),:$*"


def literal(value: Value) -> str:
    """The value as an OData V2 literal, not yet percent-encoded.

    A date becomes ``datetime'…T00:00:00'``, an aware instant ``datetimeoffset'…Z'``, a Decimal ``12.5M``.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, datetime):
        return f"datetimeoffset'{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z'"
    if isinstance(value, date):
        return f"datetime'{value.isoformat()}T00:00:00'"
    if isinstance(value, Decimal):
        return f"{value:f}M"
    return str(value)


def entity(entity_set: str, **keys: Value) -> str:
    """``A_SalesOrder('1')`` for one key, ``A_SalesOrderItem(SalesOrder='1',SalesOrderItem='10')`` for several."""
    if len(keys) == 1:
        inside = literal(next(iter(keys.values())))
    else:
        inside = ",".join(f"{name}={literal(value)}" for name, value in keys.items())
    return f"{entity_set}({quote(inside, safe=_SAFE_IN_PATH + '=')})"


def function(name: str, **parameters: Value) -> str:
    """``Name?A='x'&B=1``: the call of a function import."""
    return _with_options(name, {key: literal(value) for key, value in parameters.items()})


def query(resource: str, **options: str | int) -> str:
    """The resource with system query options given without their ``$``: ``query("A", top=5)`` is ``A?$top=5``."""
    return _with_options(resource, {f"${key}": str(value) for key, value in options.items()})


def equal(field: str, value: Value) -> str:
    """A ``$filter`` term: the field has exactly this value."""
    return f"{field} eq {literal(value)}"


def from_on(field: str, value: Value) -> str:
    """A ``$filter`` term: the field has this value or a greater one."""
    return f"{field} ge {literal(value)}"


def _with_options(resource: str, options: dict[str, str]) -> str:
    return f"{resource}?" + "&".join(f"{key}={quote(value, safe=_SAFE_IN_QUERY)}" for key, value in options.items())
