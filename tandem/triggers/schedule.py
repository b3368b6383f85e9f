"""A schedule: when it is due, what it starts, and what it makes of firings that were missed or come too soon."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from tandem.triggers.rule import Rule

PUNCTUAL = timedelta(seconds=60)
"""A firing that is noticed later than this is a misfire."""


@dataclass(frozen=True)
class Schedule:
    """``items`` None: the bot polls. ``when`` is the rule as one line, its identity beside the name."""

    name: str
    bot: str
    rule: Rule
    when: str
    items: Sequence[Mapping[str, str]] | None = None
    misfire: Literal["skip", "run_once", "run_all"] = "run_once"
    misfire_grace: timedelta = timedelta(days=1)
    misfire_limit: int = 10
    overlap: Literal["skip", "queue"] = "skip"

    def due(self, after: datetime, now: datetime) -> "Due":
        """What is to be fired now of the instants in (after, now]."""
        most = self.misfire_limit if self.misfire == "run_all" else 1
        grace = PUNCTUAL if self.misfire == "skip" else max(self.misfire_grace, PUNCTUAL)
        oldest = max(after, now - grace)
        fired = self.rule.newest(oldest, now, most)
        if fired and self.misfire == "run_once":
            return Due(tuple(fired), None)
        first = self.rule.after(after)
        end = fired[0] if fired else oldest
        if first is None or first > now or first == end:
            return Due(tuple(fired), None)
        missed = self.rule.newest(after, end - timedelta(microseconds=1))
        return Due(tuple(fired), missed[-1] if missed else None)

    def items_on(self, due_at: datetime) -> list[dict[str, str]]:
        """The work items of a firing."""
        day = due_at.astimezone(self.rule.beat.zone).date().isoformat()
        return [{name: text.format(due_on=day) for name, text in item.items()} for item in self.items or ()]


@dataclass(frozen=True)
class Due:
    """``fired``: instants to fire, oldest first. ``missed``: the newest of those that nothing makes up for, if any."""

    fired: tuple[datetime, ...]
    missed: datetime | None
