"""``tandem.yaml``: the systems of a workspace, the bots bound to them, and where its own books are kept."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tandem.channels.browser.settings import BrowserSettings
from tandem.channels.desktop.settings import DesktopSettings
from tandem.http.settings import ApiSettings
from tandem.triggers.settings import ScheduleBlock
from tandem.triggers.webhook_settings import ServerBlock, WebhookBlock, WebhookName
from tandem.workspace.formats import Format
from tandem.workspace.strict import Strict

_SQLITE = "sqlite:///"


def _store(url: str) -> str:
    if not re.fullmatch(rf"{_SQLITE}.+", url):
        raise ValueError(f"{url!r} is not a store, such as {_SQLITE}data/tandem.db")
    return url


class SystemBlock(Strict):
    """One system: its vendor, the channels it can be reached through, and the vendor's own settings."""

    vendor: str
    api: ApiSettings | None = None
    browser: BrowserSettings | None = None
    desktop: DesktopSettings | None = None
    settings: dict[str, Any] = Field(default={}, description="Validated by the vendor's own model.")


class LogBlock(Strict):
    """``level`` is what a terminal shows; the file, relative to the workspace, gets everything as JSON lines."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"
    file: str | None = "data/tandem.log"


class Configuration(Strict):
    """``bots``: for each bot, the system that takes each of its roles. ``store`` is relative to the workspace.

    ``schedules`` start runs by the clock, ``webhooks`` when another system says so, by a request to ``server``.
    """

    format: Literal[1]
    language: Literal["en", "zh"] | None = None
    store: Annotated[str, AfterValidator(_store)] = f"{_SQLITE}data/tandem.db"
    log: LogBlock = LogBlock()
    systems: dict[str, SystemBlock] = Field(default={})
    bots: dict[str, dict[str, str]] = Field(default={})
    schedules: dict[str, ScheduleBlock] = Field(default={})
    webhooks: dict[WebhookName, WebhookBlock] = Field(default={})
    server: ServerBlock = ServerBlock()

    def store_path(self, folder: Path) -> Path:
        """The file of the SQLite store of a workspace in this folder."""
        return folder / self.store.removeprefix(_SQLITE)


TANDEM = Format("tandem", Configuration)
