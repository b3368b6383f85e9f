"""``tandem.yaml``: the systems of a workspace, the bots bound to them, and where its own books are kept."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from tandem.channels.browser.settings import BrowserSettings
from tandem.channels.desktop.settings import DesktopSettings
from tandem.http.settings import ApiSettings
from tandem.text import tr
from tandem.triggers.settings import ScheduleBlock
from tandem.triggers.webhook_settings import ServerBlock, WebhookBlock, WebhookName
from tandem.workspace.formats import Format
from tandem.workspace.strict import Strict

_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql://"


def _store_url(url: str) -> str:
    if re.fullmatch(rf"{_POSTGRESQL}[^/@]*:[^/@]*@.*", url):
        raise ValueError(tr("a store's url holds no password; write store.url and store.password, such as env:NAME"))
    if not re.fullmatch(rf"{_SQLITE}.+|{_POSTGRESQL}[^/]+/[^/]+", url):
        raise ValueError(
            tr(
                "{value} is not a store, such as {sqlite}data/tandem.db or {postgresql}tandem@db.example.com/tandem",
                value=repr(url),
                sqlite=_SQLITE,
                postgresql=_POSTGRESQL,
            )
        )
    return url


def _store_block(value: object) -> object:
    return {"url": value} if isinstance(value, str) else value


class StoreBlock(Strict):
    """Where Tandem keeps its own books; only the url may be written as ``store: <url>``.

    ``password``: of a server; where none is given, ~/.pgpass is asked. ``reconnect_s``: how long to wait for a server
    that went away.
    """

    url: Annotated[str, AfterValidator(_store_url)] = f"{_SQLITE}data/tandem.db"
    password: SecretStr | None = None
    reconnect_s: float = Field(default=60.0, ge=0)

    @property
    def is_file(self) -> bool:
        """Whether it is an embedded store."""
        return self.url.startswith(_SQLITE)

    def path(self, folder: Path) -> Path:
        """The file of an embedded store, of a workspace in this folder."""
        return folder / self.url.removeprefix(_SQLITE)


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
    store: Annotated[StoreBlock, BeforeValidator(_store_block, json_schema_input_type=str | StoreBlock)] = StoreBlock()
    log: LogBlock = LogBlock()
    systems: dict[str, SystemBlock] = Field(default={})
    bots: dict[str, dict[str, str]] = Field(default={})
    schedules: dict[str, ScheduleBlock] = Field(default={})
    webhooks: dict[WebhookName, WebhookBlock] = Field(default={})
    server: ServerBlock = ServerBlock()


TANDEM = Format("tandem", Configuration)
