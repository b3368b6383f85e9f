"""Every format of workspace files, by name."""

from typing import Any

from tandem.channels.recording import Recording
from tandem.channels.selectors import BrowserScreenFile, DesktopScreenFile
from tandem.workspace.bot import BOT
from tandem.workspace.calendars import CALENDAR
from tandem.workspace.configuration import TANDEM
from tandem.workspace.formats import Format
from tandem.workspace.vendor import VENDOR

RECORDING = Format("recording", Recording)
BROWSER_SCREEN = Format("selectors", BrowserScreenFile)
DESKTOP_SCREEN = Format("selectors.desktop", DesktopScreenFile)
FORMATS: dict[str, Format[Any]] = {
    form.name: form for form in (TANDEM, VENDOR, BOT, CALENDAR, RECORDING, BROWSER_SCREEN, DESKTOP_SCREEN)
}
