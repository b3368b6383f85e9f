"""Cross-references a user maintains in a table: ``cross_reference.csv`` or ``cross_reference.xlsx`` of the workspace.

Columns ``kind, source, target``, all text: ``material, 85123A, WH-HEART-01``. Common kinds are customer, material, unit
and currency; a bot asks for its own.
"""

from collections.abc import Mapping
from pathlib import Path

from tandem.errors import WorkspaceError
from tandem.workspace.table import table_of

COLUMNS = ("kind", "source", "target")
FILES = ("cross_reference.csv", "cross_reference.xlsx")


class CrossReferences:
    """Targets by kind and source."""

    def __init__(self, targets: Mapping[tuple[str, str], str]) -> None:
        self._targets = targets

    def lookup(self, kind: str, source: str) -> str | None:
        """The target of a source value; None when the table says nothing of it."""
        return self._targets.get((kind, source))

    def __len__(self) -> int:
        return len(self._targets)


def of_workspace(folder: Path) -> CrossReferences:
    """The workspace's table; an empty one when there is no file. Raises WorkspaceError."""
    paths = [folder / name for name in FILES if (folder / name).exists()]
    if len(paths) > 1:
        raise WorkspaceError("{first} and {second} are both there. Keep one of them.", first=paths[0], second=paths[1])
    return read(paths[0]) if paths else CrossReferences({})


def read(path: Path) -> CrossReferences:
    """The table in a CSV or XLSX file. Raises WorkspaceError when it is no such table or names one source twice."""
    table = table_of(path)
    if sorted(table.columns) != sorted(COLUMNS):
        raise WorkspaceError(
            "{file}:1: the columns are {columns}. Valid columns: {valid}.",
            file=path,
            columns=", ".join(str(column) for column in table.columns),
            valid=", ".join(COLUMNS),
        )
    targets: dict[tuple[str, str], str] = {}
    for line, *row in table[list(COLUMNS)].itertuples(name=None):
        kind, source, target = (str(value).strip() for value in row)
        _check(path, line, kind, source, target)
        if (kind, source) in targets:
            raise WorkspaceError(
                "{file}:{line}: {kind} {source} stands twice. Keep one of the two rows.",
                file=path,
                line=line,
                kind=kind,
                source=source,
            )
        targets[kind, source] = target
    return CrossReferences(targets)


def _check(path: Path, line: int, kind: str, source: str, target: str) -> None:
    empty = [name for name, value in zip(COLUMNS, (kind, source, target), strict=True) if not value]
    if empty:
        raise WorkspaceError(
            "{file}:{line}: {column} is empty. Fill it in or remove the row.", file=path, line=line, column=empty[0]
        )
