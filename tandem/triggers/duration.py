"""Lengths of time as a user writes them: ``30s``, ``5m``, ``6h``, ``2d``."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

from tandem.text import tr

_SHAPE = r"^[1-9]\d{0,5}[smhd]$"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or re.fullmatch(_SHAPE, value) is None:
        raise ValueError(tr("{value} is no length of time such as 30s, 5m, 6h or 2d", value=repr(value)))
    return _length(int(value[:-1]), value[-1])


def written(length: timedelta) -> str:
    """The length as a user writes it, in the largest unit that needs no fraction."""
    unit = next(unit for unit in reversed(_UNITS) if length % _length(1, unit) == timedelta(0))
    return f"{length // _length(1, unit)}{unit}"


def _length(count: int, unit: str) -> timedelta:
    return timedelta(**{_UNITS[unit]: count})


Duration = Annotated[
    timedelta, BeforeValidator(_duration, json_schema_input_type=Annotated[str, Field(pattern=_SHAPE)])
]
