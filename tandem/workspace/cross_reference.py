"""Cross-references a user maintains in a table: ``cross_reference.csv`` or ``cross_reference.xlsx`` of the workspace.

Columns ``kind, source, target``, all text: ``material, 85123A, WH-HEART-01``. Common kinds are customer, material, unit
and currency; a bot asks for its own.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tandem.errors import WorkspaceError

if TYPE_CHECKING:
    import pandas as pd

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
    paths = [folder / name for name in FILES if (folder / name).is_file()]
    if len(paths) > 1:
        raise WorkspaceError("{first} and {second} are both there. Keep one of them.", first=paths[0], second=paths[1])
    return read(paths[0]) if paths else CrossReferences({})


def read(path: Path) -> CrossReferences:
    """The table in a CSV or XLSX file. Raises WorkspaceError when it is no such table or names one source twice."""
    table = _table(path)
    if sorted(table.columns) != sorted(COLUMNS):
        raise WorkspaceError(
            "{file}:1: the columns are {columns}. Valid columns: {valid}.",
            file=path,
            columns=", ".join(str(column) for column in table.columns),
            valid=", ".join(COLUMNS),
        )
    targets: dict[tuple[str, str], str] = {}
    rows = table[list(COLUMNS)].itertuples(index=False, name=None)
    for line, row in enumerate(rows, start=2):
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


def _table(path: Path) -> "pd.DataFrame":
    import pandas as pd  # takes longer to load than the whole command line, and most commands read no table

    try:
        if path.suffix == ".xlsx":
            return pd.read_excel(path, dtype=str, keep_default_na=False)
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False)
    except UnicodeDecodeError as error:
        raise WorkspaceError(
            "{file} is not UTF-8 text (byte {position}). Save it as UTF-8.", file=path, position=error.start
        ) from None
    except OSError as error:
        raise WorkspaceError("{file} cannot be read: {why}.", file=path, why=error.strerror) from None
    except (ValueError, KeyError) as error:
        raise WorkspaceError(
            "{file} is not a table: {why}. Valid columns: {valid}.",
            file=path,
            why=str(error).splitlines()[0],
            valid=", ".join(COLUMNS),
        ) from None
