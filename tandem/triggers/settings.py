"""The ``schedules:`` of tandem.yaml."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from tandem.document import nearest
from tandem.text import tr
from tandem.triggers.duration import Duration, written
from tandem.triggers.rule import Beat, Cron, Every

_FIELDS = 5
_DUE_ON = "{due_on}"


def _zone(name: str) -> str:
    known = available_timezones()
    if name not in known:
        raise ValueError(
            tr(
                "{value} is no time zone such as {examples}",
                value=repr(name),
                examples=nearest(name, sorted(known)) or "Asia/Shanghai, Europe/Berlin, UTC",
            )
        )
    return name


def _cron(expression: str) -> str:
    """The expression with single spaces."""
    parts = expression.split()
    if len(parts) != _FIELDS:
        raise ValueError(
            tr(
                "{value} has {count} fields, not the five of cron: minute hour day-of-month month day-of-week",
                value=repr(expression),
                count=len(parts),
            )
        )
    try:
        CronSim(expression, datetime(2026, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(
            tr(
                "{value} is no cron expression such as '0 2 * * *': {why}",
                value=repr(expression),
                why=str(error).lower(),
            )
        ) from None
    return " ".join(parts)


def _item_text(text: str) -> str:
    try:
        text.format(due_on="2026-01-01")
    except (KeyError, IndexError, ValueError, AttributeError):
        raise ValueError(
            tr("{value} has a placeholder other than {due_on}", value=repr(text), due_on=_DUE_ON)
        ) from None
    return text


Zone = Annotated[str, AfterValidator(_zone)]
CronExpression = Annotated[str, AfterValidator(_cron)]
ItemText = Annotated[str, AfterValidator(_item_text)]


class ScheduleBlock(BaseModel):
    """One schedule.

    ``cron`` (five fields, in ``time_zone``) or ``every`` (30s, 5m, 6h, 2d) say when. ``days: working`` leaves out the
    days that ``calendar`` gives as holidays: weekdays, china, or a file calendars/<name>.yaml.

    ``start: changed`` lets the bot poll for what changed since the last time; ``items`` are work items, field by field,
    in which {due_on} stands for the day the firing is due.

    ``misfire``: what becomes of firings that nobody was there for: skip them; run_once for all of them together;
    run_all, the newest ``misfire_limit`` of them. None that is older than ``misfire_grace`` is made up for.
    ``overlap``: while runs of the last firing are under way, skip the next one, or queue it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    bot: str
    start: Literal["changed"] | None = None
    items: tuple[dict[str, ItemText], ...] = ()
    cron: CronExpression | None = None
    every: Duration | None = None
    time_zone: Zone = "UTC"
    days: Literal["every", "working"] = "every"
    calendar: str = "weekdays"
    misfire: Literal["skip", "run_once", "run_all"] = "run_once"
    misfire_grace: Duration = timedelta(days=1)
    misfire_limit: int = Field(default=10, gt=0, le=1000)
    overlap: Literal["skip", "queue"] = "skip"

    @model_validator(mode="after")
    def _says_when_once(self) -> "ScheduleBlock":
        if (self.cron is None) == (self.every is None):
            raise ValueError(tr("give either cron or every"))
        if (self.start is None) == (not self.items):
            raise ValueError(tr("give either start: changed or items"))
        if self.start == "changed" and self.misfire == "run_all":
            raise ValueError(tr("misfire is run_all, but one poll finds all that changed; use run_once or skip"))
        return self

    @property
    def beat(self) -> Beat:
        """The instants, working days aside."""
        zone = ZoneInfo(self.time_zone)
        if self.every is not None:
            return Every(self.every, zone)
        assert self.cron is not None
        return Cron(self.cron, zone)

    @property
    def when(self) -> str:
        """The rule as one line: two schedules of the same name and line are the same schedule."""
        beat = f"every {written(self.every)}" if self.every is not None else str(self.cron)
        days = f" {self.calendar}" if self.days == "working" else ""
        return f"{beat} {self.time_zone}{days}"
