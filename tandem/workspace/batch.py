"""A batch: a table of work items, CSV or XLSX, one row each, its columns the fields of the bot's item."""

import csv
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from tandem.document import closest
from tandem.domain.record import Record
from tandem.errors import UsageError, WorkspaceError

if TYPE_CHECKING:
    import pandas as pd


def read(path: Path, item: type[Record]) -> list[Record]:
    """The work items of a file. Raises UsageError for a file that is no such table."""
    table = table_of(path)
    valid = list(item.model_fields)
    for column in map(str, table.columns):
        if column not in valid:
            raise UsageError(
                "{file}: there is no column {column} in work items of this bot. Valid columns: {valid}.{guess}",
                file=path,
                column=column,
                valid=", ".join(valid),
                guess=closest(column, valid),
            )
    rows = ({name: value for name, value in row.items() if value != ""} for row in table.to_dict("records"))
    return [_item(path, line, row, item) for line, row in enumerate(rows, start=2)]


def table_of(path: Path) -> "pd.DataFrame":
    """The cells of a CSV or XLSX file as text; an empty cell is ``""``. Raises WorkspaceError."""
    import pandas as pd  # takes longer to load than the whole command line, and most commands read no table

    try:
        if path.suffix.lower() == ".xlsx":
            return pd.read_excel(path, dtype=str, keep_default_na=False)
        _check_rows(path)
        return pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig", skip_blank_lines=False)
    except UnicodeDecodeError as error:
        raise WorkspaceError(
            "{file} is not UTF-8 text (byte {position}). Save it as UTF-8.", file=path, position=error.start
        ) from None
    except OSError as error:
        raise WorkspaceError("{file} cannot be read: {why}.", file=path, why=error.strerror) from None
    except (ValueError, KeyError) as error:
        raise WorkspaceError("{file} is not a table: {why}.", file=path, why=str(error).splitlines()[0]) from None


def _check_rows(path: Path) -> None:
    """A row with more values than columns would be shifted silently. Raises WorkspaceError."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(file)
        columns = len(next(rows, []))
        for row in rows:
            if len(row) > columns:
                raise WorkspaceError(
                    "{file}:{line}: {values} values for {columns} columns. Give each value a column of its own.",
                    file=path,
                    line=rows.line_num,
                    values=len(row),
                    columns=columns,
                )


def _item(path: Path, line: int, row: dict[object, object], item: type[Record]) -> Record:
    try:
        return item.model_validate(row)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise UsageError(
            "{file}, row {line}: {column}: {why}.",
            file=path,
            line=line,
            column=".".join(str(part) for part in first["loc"]),
            why=first["msg"],
        ) from None
