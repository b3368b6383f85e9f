"""Rules of the folders: where code may lie, and where only data."""

from collections.abc import Iterator
from pathlib import Path

from tandem.errors import WorkspaceError
from tandem.workspace.code import PACKAGES
from tandem.workspace.roots import BUILT_IN, Roots
from tandem.workspace.rules.names import in_file

DATA_FOLDERS = ("selectors", "recordings")


def mistakes(roots: Roots) -> Iterator[WorkspaceError]:
    """Mistakes in how the folders of all roots are laid out."""
    for root in roots.folders:
        for folder in DATA_FOLDERS:
            for path in sorted((root / folder).rglob("*.py")):
                yield in_file(path, "{folder}/ holds data only. Remove this file.", folder=folder)
        if root != BUILT_IN:
            yield from _packages(root)


def _packages(root: Path) -> Iterator[WorkspaceError]:
    for package in PACKAGES:
        marker = root / package / "__init__.py"
        if marker.exists():
            yield in_file(marker, "it hides the {package} that come with Tandem. Remove this file.", package=package)
        for folder in sorted((root / package).glob("*/")):
            if any(folder.glob("*.py")) and not (folder / "__init__.py").exists() and folder.name != "__pycache__":
                yield in_file(folder, "it holds code but no __init__.py, so Python may pass it over. Add an empty one.")
