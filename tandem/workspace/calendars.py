"""The calendars of a workspace: those built in, and its files ``calendars/<name>.yaml``."""

from pathlib import Path

from tandem.triggers.calendar import Calendar, CalendarFile, OwnCalendar, built_in_calendars
from tandem.workspace.formats import Format
from tandem.workspace.roots import Roots

FOLDER = "calendars"
CALENDAR = Format("calendar", CalendarFile)


def calendar_files(roots: Roots) -> dict[str, Path]:
    """The users' own calendars by name."""
    return {name.removesuffix(".yaml"): path for name, path in roots.files(FOLDER, ".yaml").items()}


def calendars(roots: Roots) -> dict[str, Calendar]:
    """All calendars by name. Raises WorkspaceError for a file with a mistake."""
    known = built_in_calendars()
    own = {name: CALENDAR.read(path) for name, path in calendar_files(roots).items()}
    return {**known, **{name: OwnCalendar(file, known[file.base]) for name, file in own.items()}}
