"""Checks a whole workspace: every file of every root, and what they say of each other."""

from dataclasses import dataclass
from pathlib import Path

from tandem.errors import WorkspaceError
from tandem.workspace import code
from tandem.workspace.configuration import TANDEM
from tandem.workspace.formats import Examined
from tandem.workspace.roots import FILE, Roots
from tandem.workspace.rules import bots, configuration, folders, screens, triggers, vendors
from tandem.workspace.workspace import Workspace


@dataclass(frozen=True)
class Report:
    """What was found. ``files``: how many files were read."""

    mistakes: tuple[WorkspaceError, ...]
    warnings: tuple[WorkspaceError, ...]
    files: int


def check(folder: Path | None) -> Report:
    """Check the workspace in this folder, or, without one, what comes with Tandem."""
    roots = Roots.of(folder)
    code.overlay(roots)
    found = [*folders.mistakes(roots), *vendors.mistakes(roots), *bots.mistakes(roots), *screens.mistakes(roots)]
    warned: list[WorkspaceError] = []
    if folder is not None:
        form = TANDEM.examine(folder / FILE)
        if isinstance(form, Examined):
            workspace = Workspace(folder.resolve(), form.model, form.file)
            found += [*configuration.mistakes(workspace), *triggers.mistakes(workspace)]
            warned += [*configuration.warnings(workspace), *triggers.warnings(workspace)]
        else:
            found += form
    return Report(_once(found), _once(warned), _count(roots) + (folder is not None))


def _once(found: list[WorkspaceError]) -> tuple[WorkspaceError, ...]:
    """Without repetitions, by file and line."""
    by_text = {str(error): error for error in found}
    return tuple(sorted(by_text.values(), key=_place))


def _place(error: WorkspaceError) -> tuple[str, int]:
    return error.fields.get("file", ""), int(error.fields.get("line", 0))


def _count(roots: Roots) -> int:
    return sum(
        len(roots.files(folder, ".yaml")) for folder in ("api_clients", "bots", "calendars", "selectors", "recordings")
    )
