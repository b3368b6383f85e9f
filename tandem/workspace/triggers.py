"""The triggers of a workspace, as tandem.yaml has them."""

from tandem.document import closest
from tandem.errors import UsageError
from tandem.triggers.calendar import Calendar
from tandem.triggers.rule import Rule
from tandem.triggers.schedule import Schedule
from tandem.triggers.settings import ScheduleBlock
from tandem.workspace.calendars import calendars
from tandem.workspace.roots import FILE
from tandem.workspace.workspace import Workspace


def schedules(workspace: Workspace) -> dict[str, Schedule]:
    """The schedules by name. Raises WorkspaceError, UsageError."""
    known = calendars(workspace.roots)
    return {name: _schedule(name, block, known) for name, block in workspace.configuration.schedules.items()}


def schedule_named(workspace: Workspace, name: str) -> Schedule:
    """One schedule. Raises UsageError with the names there are."""
    known = schedules(workspace)
    if name not in known:
        raise UsageError(
            "There is no schedule {name} in {file}. Schedules: {valid}.{guess}",
            name=name,
            file=workspace.folder / FILE,
            valid=", ".join(known) or "none",
            guess=closest(name, list(known)),
        )
    return known[name]


def _schedule(name: str, block: ScheduleBlock, known: dict[str, Calendar]) -> Schedule:
    return Schedule(
        name,
        block.bot,
        Rule(block.beat, _calendar(name, block, known)),
        block.when,
        block.items or None,
        block.misfire,
        block.misfire_grace,
        block.misfire_limit,
        block.overlap,
    )


def _calendar(name: str, block: ScheduleBlock, known: dict[str, Calendar]) -> Calendar | None:
    if block.days == "every":
        return None
    if block.calendar not in known:
        raise UsageError(
            "Schedule {schedule}: there is no calendar {name}. Calendars: {valid}.{guess}",
            schedule=name,
            name=block.calendar,
            valid=", ".join(known),
            guess=closest(block.calendar, list(known)),
        )
    return known[block.calendar]
