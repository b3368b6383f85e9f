"""A batch: a table of work items, CSV or XLSX, one row each, its columns the fields of the bot's item."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from tandem import misfit
from tandem.document import closest
from tandem.domain.record import Record
from tandem.errors import WorkspaceError
from tandem.schema_walk import is_number
from tandem.workspace.table import table_of


def read(path: Path, item: type[Record]) -> list[Record]:
    """The work items of a file.

    Raises WorkspaceError for a file that is no such table, or an empty one, and for numbers where text belongs: without
    the zeros they may have lost they would name other work items.
    """
    table = table_of(path)
    valid = list(item.model_fields)
    for column in table.columns:
        if column not in valid:
            raise WorkspaceError(
                "{file}:1: there is no column {column} in work items of this bot. Valid columns: {valid}.{guess}",
                file=path,
                column=column,
                valid=", ".join(valid),
                guess=closest(column, valid),
            )
    for column in table.attrs["numbers"]:
        if not is_number(item, (column,)):
            raise WorkspaceError(
                "{file}: the column {column} holds numbers, from which a spreadsheet drops leading zeros: they may "
                "name something else. Format the column as text and enter them anew, or give it a format of as many "
                "zeros, such as 00000000.",
                file=path,
                column=column,
            )
    if table.empty:
        raise WorkspaceError("{file} holds no work item below its headings. Add a row for each.", file=path)
    return [_item(path, line, row, item) for line, row in zip(table.index, table.to_dict("records"), strict=True)]


def _item(path: Path, line: int, row: dict[Hashable, Any], item: type[Record]) -> Record:
    try:
        return item.model_validate({name: value for name, value in row.items() if value != ""})
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise WorkspaceError(
            "{file}:{line}: {column}: {why}.",
            file=path,
            line=line,
            column=".".join(str(part) for part in first["loc"]) or ", ".join(item.model_fields),
            why=misfit.why(first),
        ) from None
