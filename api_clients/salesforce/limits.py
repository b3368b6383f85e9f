"""The daily allowance of API calls, as every answer tells it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

_USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")
_TIGHT_SHARE = 0.95


@dataclass(frozen=True)
class ApiUsage:
    """Calls of the last 24 hours, of all programs of the org, and how many are allowed."""

    used: int
    most: int

    @property
    def is_tight(self) -> bool:
        """So little is left that other programs of the org may soon be refused."""
        return self.used >= self.most * _TIGHT_SHARE

    @property
    def is_spent(self) -> bool:
        return self.used >= self.most


def usage_of(headers: Mapping[str, str]) -> ApiUsage | None:
    """What ``Sforce-Limit-Info`` says; None when it is missing. Further parts of the header are passed over."""
    found = _USAGE.search(headers.get("sforce-limit-info", ""))
    return ApiUsage(int(found[1]), int(found[2])) if found else None
