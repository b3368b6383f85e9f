"""Where things are looked for: the user's workspace first, then what comes with Tandem."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import tandem

FILE = "tandem.yaml"
BUILT_IN = Path(tandem.__file__).parent.parent
"""The folder that holds Tandem's own api_clients, bots, fixtures, selectors and recordings."""


@dataclass(frozen=True)
class Roots:
    """Folders of the same layout, the first one first. Data overlays per file."""

    folders: tuple[Path, ...]

    @classmethod
    def of(cls, workspace: Path | None) -> "Roots":
        """The roots of a workspace; of None, the built-in one alone."""
        if workspace is None or workspace.resolve() == BUILT_IN:
            return cls((BUILT_IN,))
        return cls((workspace.resolve(), BUILT_IN))

    def file(self, *parts: str) -> Path | None:
        """The first root's file at this relative path."""
        return next((path for root in self.folders if (path := root.joinpath(*parts)).is_file()), None)

    def folders_of(self, folder: str, owner: str) -> list[Path]:
        """The folders of a vendor or bot, the first root's first."""
        return [root / folder / owner for root in self.folders]

    def files(self, folder: str, ending: str) -> dict[str, Path]:
        """Every file below a folder whose name ends so: path relative to the folder -> the first root's file."""
        found: dict[str, Path] = {}
        for root in reversed(self.folders):
            for path in sorted((root / folder).rglob(f"*{ending}")):
                found[path.relative_to(root / folder).as_posix()] = path
        return dict(sorted(found.items()))

    def owners(self, folder: str, manifest: str) -> dict[str, Path]:
        """The vendors or bots of a folder, by name, each with its manifest."""
        names = {path.parent.name for path in self._manifests(folder, manifest)}
        found = {name: self.file(folder, name, manifest) for name in sorted(names)}
        return {name: path for name, path in found.items() if path is not None}

    def _manifests(self, folder: str, manifest: str) -> Iterator[Path]:
        for root in self.folders:
            yield from (root / folder).glob(f"*/{manifest}")


def find_workspace(start: Path) -> Path | None:
    """The nearest folder, from ``start`` upwards, that holds a tandem.yaml."""
    start = start.resolve()
    return next((folder for folder in (start, *start.parents) if (folder / FILE).is_file()), None)
