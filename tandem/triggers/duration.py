"""Lengths of time as a user writes them: ``30s``, ``5m``, ``6h``, ``2d``."""

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator, Field

_SHAPE = r"^[1-9]\d{0,5}[smhd]$"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def _duration(value: object) -> timedelta:
    if isinstance(value, timedelta):
        return value
    if not isinstance(value, str) or re.fullmatch(_SHAPE, value) is None:
        raise ValueError(f"{value!r} is no length of time such as 30s, 5m, 6h or 2d")
    return timedelta(**{_UNITS[value[-1]]: int(value[:-1])})


Duration = Annotated[
    timedelta, BeforeValidator(_duration, json_schema_input_type=Annotated[str, Field(pattern=_SHAPE)])
]
