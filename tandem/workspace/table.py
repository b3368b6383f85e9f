"""Tables a user keeps: CSV or XLSX, a row of headings, then rows of text."""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

from tandem.errors import WorkspaceError

if TYPE_CHECKING:
    import pandas as pd

Rows = Iterator[tuple[int, Sequence[str]]]
_EXACT_DIGITS = 15
"""A spreadsheet keeps no more digits of a number."""
_BROKEN = (BadZipFile, KeyError, ValueError, TypeError, AttributeError, EOFError, SyntaxError)
"""What openpyxl raises for a file that is no workbook, or a damaged one."""


def table_of(path: Path) -> "pd.DataFrame":
    """The table as text, its index the lines of the file; an empty cell is ``""``. Raises WorkspaceError.

    Rows without any value are left away. ``attrs["numbers"]``: the columns that hold numbers whose leading
    zeros, if they had any, the spreadsheet did not keep.
    """
    import pandas as pd  # takes longer to load than the whole command line, and most commands read no table

    if path.is_dir():
        raise WorkspaceError("{file} is a folder, not a table. Put a CSV or XLSX file there.", file=path)
    numbers: set[int] = set()
    try:
        lines = _spreadsheet(path, numbers) if path.suffix.lower() == ".xlsx" else _text(path)
        rows = [(line, row) for line, row in lines if any(value.strip() for value in row)]
    except OSError as error:
        raise WorkspaceError("{file} cannot be read: {why}.", file=path, why=error.strerror) from None
    if not rows:
        raise WorkspaceError("{file} is empty. Its first row must name the columns.", file=path)
    (first, headings), *body = rows
    columns = _columns(path, first, headings)
    cells = [_fitted(path, line, row, len(columns)) for line, row in body]
    table = pd.DataFrame(cells, columns=columns, index=[line for line, _ in body], dtype=str)
    table.attrs["numbers"] = [column for place, column in enumerate(columns) if place in numbers]
    return table


def _columns(path: Path, line: int, headings: Sequence[str]) -> list[str]:
    """The headings; empty ones at the end are no columns."""
    columns = [heading.strip() for heading in headings]
    while columns and not columns[-1]:
        columns.pop()
    for place, column in enumerate(columns):
        if not column:
            raise WorkspaceError(
                "{file}:{line}: column {number} has no heading. Name it, or remove the column.",
                file=path,
                line=line,
                number=place + 1,
            )
        if column in columns[:place]:
            raise WorkspaceError(
                "{file}:{line}: the column {column} stands twice. Keep one of the two.",
                file=path,
                line=line,
                column=column,
            )
    return columns


def _fitted(path: Path, line: int, row: Sequence[str], columns: int) -> list[str]:
    """The row with as many values as there are columns; a value more would be shifted silently."""
    if any(row[columns:]):
        raise WorkspaceError(
            "{file}:{line}: {values} values for {columns} columns. Give each value a column of its own.",
            file=path,
            line=line,
            values=len(row),
            columns=columns,
        )
    return [*row[:columns], *[""] * (columns - len(row))]


def _text(path: Path) -> Rows:
    """The rows of a CSV file. Raises WorkspaceError, OSError."""
    line = 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            for row in reader:
                if any("\0" in value for value in row):
                    raise WorkspaceError(
                        "{file}:{line}: it holds a zero byte. Save it as CSV in UTF-8.", file=path, line=line
                    )
                yield line, row
                line = reader.line_num + 1
    except UnicodeDecodeError as error:
        raise WorkspaceError(
            "{file} is not UTF-8 text (byte {position}). Save it as UTF-8.", file=path, position=error.start
        ) from None
    except csv.Error:
        raise WorkspaceError(
            "{file}:{line}: the quotes of this row do not fit. Close each quote, and write one inside a value twice.",
            file=path,
            line=line,
        ) from None


def _spreadsheet(path: Path, numbers: set[int]) -> Rows:
    """The rows of a workbook's first sheet; ``numbers`` is told which columns hold plain ones.

    Raises WorkspaceError, OSError.
    """
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        book = load_workbook(path, data_only=True)
        cells = [list(row) for row in book.worksheets[0].iter_rows()]
    except (*_BROKEN, IndexError, InvalidFileException):
        raise WorkspaceError(
            "{file} is no XLSX workbook, or a damaged one. Open it in a spreadsheet program and save it as XLSX.",
            file=path,
        ) from None
    for line, row in enumerate(cells, start=1):
        numbers.update(place for place, cell in enumerate(row) if cell.data_type == "n" and not _is_padded(cell))
        yield line, [_cell(path, line, cell) for cell in row]


def _cell(path: Path, line: int, cell: Any) -> str:
    """A cell as its reader sees it. Raises WorkspaceError for one whose value cannot be told."""
    value = cell.value
    if value is None:
        return ""
    if cell.data_type == "e":
        raise WorkspaceError(
            "{file}:{line}: cell {cell} is the error {error}. Correct it.",
            file=path,
            line=line,
            cell=cell.coordinate,
            error=value,
        )
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, (int, float)):
        return _number(path, line, cell)
    if isinstance(value, datetime) and value.time() == time():
        return value.date().isoformat()
    return str(value)


def _number(path: Path, line: int, cell: Any) -> str:
    """A number's digits, with the zeros before them that the cell's format shows."""
    text = f"{Decimal(str(cell.value)):f}"
    if len(text.strip("-").replace(".", "")) > _EXACT_DIGITS:
        raise WorkspaceError(
            "{file}:{line}: cell {cell} is a number of more than {digits} digits, which a spreadsheet does not keep "
            "exactly. Format the column as text and enter it anew.",
            file=path,
            line=line,
            cell=cell.coordinate,
            digits=_EXACT_DIGITS,
        )
    text = text.removesuffix(".0")
    return text.zfill(len(cell.number_format)) if _is_padded(cell) and text.isdigit() else text


def _is_padded(cell: Any) -> bool:
    """Whether the format shows zeros before a number, or there is none."""
    return cell.value is None or re.fullmatch("00+", cell.number_format) is not None
