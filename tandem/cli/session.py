"""What every command is given: the workspace asked for, and the ways to print."""

import json
import os
import shlex
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import typer
from rich.console import Console
from rich.progress import Progress

from tandem import log
from tandem.cli.table import print_table
from tandem.errors import UsageError
from tandem.text import prefer_language
from tandem.workspace.roots import FILE, find_workspace
from tandem.workspace.workspace import Workspace

_WIDE = 240


def _console() -> Console:
    """As wide as the terminal; what is read by a file or another program is not cut."""
    return Console(highlight=False, width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else _WIDE)


@dataclass
class Session:
    """One command line. ``folder``: where ``--workspace`` points; None: the current folder and those above it.

    ``bar``: the progress bar last shown.
    """

    folder: Path | None = None
    language: str | None = None
    verbose: bool = False
    console: Console = field(default_factory=_console)
    errors: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    bar: Progress | None = None

    @cached_property
    def workspace(self) -> Workspace:
        """The workspace, loaded. Raises UsageError when there is none, WorkspaceError when it is faulty."""
        return self.loaded(self.require_folder())

    def loaded(self, folder: Path) -> Workspace:
        """A workspace; its language, unless option or environment name one, and its log become this process's."""
        workspace = Workspace.load(folder)
        self._log_to(workspace, "DEBUG" if self.verbose else workspace.configuration.log.level)
        if self.language is None and workspace.configuration.language is not None:
            prefer_language(workspace.configuration.language)
        return workspace

    def show_events(self) -> None:
        """Show every event of the workspace on the terminal, one line each, from now on."""
        self._log_to(self.workspace, "DEBUG" if self.verbose else "INFO")

    def _log_to(self, workspace: Workspace, level: str) -> None:
        try:
            log.configure(level=level, file=workspace.log_file)
        except OSError as error:
            raise UsageError(
                "The log file {path} cannot be written: {why}. Correct log.file in tandem.yaml.",
                path=workspace.log_file,
                why=error.strerror,
            ) from None

    def require_folder(self) -> Path:
        """The folder of the workspace. Raises UsageError when there is none."""
        found = self.find_folder()
        if found is None:
            raise UsageError(
                "There is no {file} in {folder} or above it. Make a workspace with: tandem init acme; or name one with "
                "--workspace.",
                file=FILE,
                folder=Path.cwd(),
            )
        return found

    def find_folder(self) -> Path | None:
        """The folder of the workspace, if there is one. Raises UsageError when ``--workspace`` names none."""
        if self.folder is None:
            return find_workspace(Path.cwd())
        folder = self.folder.parent if self.folder.name == FILE else self.folder
        if not (folder / FILE).is_file():
            raise UsageError(
                "{folder} is no workspace: it holds no {file}. Make one with: tandem init {folder}",
                folder=folder,
                file=FILE,
            )
        return folder.resolve()

    def command(self, words: str) -> str:
        """A command for the same workspace, as it is to be typed."""
        chosen = f"--workspace {shlex.quote(str(self.folder))} " if self.folder is not None else ""
        return f"tandem {chosen}{words}"

    def print(self, *parts: object, style: str | None = None) -> None:
        """Print for people; text is never taken as markup."""
        self.console.print(*parts, style=style, markup=False, soft_wrap=True)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """While the block runs, no progress bar is drawn over what is printed and asked."""
        bar = self.bar if self.bar is not None and self.bar.live.is_started else None
        if bar is not None:
            bar.stop()
        try:
            yield
        finally:
            if bar is not None:
                bar.start()

    def say(self, step: str) -> None:
        """Tell a step that is about to be carried out, beside the output."""
        self.errors.print(step, markup=False, style="dim", soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, title: str | None = None) -> None:
        """Print a table; cells are text."""
        if title is not None:
            self.print(title, style="bold")
        print_table(self.console, columns, rows)

    def json(self, data: Any) -> None:
        """Print data as JSON on one line, for a machine; instants and days as ISO 8601."""
        sys.stdout.write(json.dumps(data, ensure_ascii=False, default=_plain) + "\n")


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)


def session_of(context: typer.Context) -> Session:
    """The session that the global options made."""
    session = context.obj
    assert isinstance(session, Session)
    return session
