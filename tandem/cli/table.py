"""A table for people: in columns where the terminal is wide enough, else a block of lines for each row."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_GAP = 2
_INDENT = 4
_LAST_AT_LEAST = 24
"""The last column is wrapped, but to no fewer columns of the terminal than these."""


def print_table(console: Console, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print rows of text under their headings."""
    cells = [[_text(cell) for cell in row] for row in rows]
    if _width(columns, cells) <= console.width:
        console.print(_in_columns(columns, cells))
    else:
        console.print(*_in_blocks(columns, cells), sep="\n")


def _width(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> int:
    """What the table takes at least."""
    widths = [
        max([cell_len(heading), *(cell_len(line) for row in rows for line in row[place].plain.splitlines())])
        for place, heading in enumerate(columns)
    ]
    return sum(widths[:-1]) + _GAP * (len(columns) - 1) + min(widths[-1], _LAST_AT_LEAST)


def _in_columns(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> Table:
    table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
    for column in columns[:-1]:
        table.add_column(column, no_wrap=True)
    table.add_column(columns[-1], overflow="fold")
    for row in rows:
        table.add_row(*row)
    return table


def _in_blocks(columns: Sequence[str], rows: Sequence[Sequence[Text]]) -> Iterator[RenderableType]:
    """The first cell as a head, below it the others that say something, each with its heading."""
    for row in rows:
        first, *others = [
            Text.assemble((f"{heading} ", "dim"), cell) for heading, cell in zip(columns, row, strict=True) if cell
        ] or [Text()]
        first.stylize("bold")
        yield first
        if others:
            yield Padding(Text("; ").join(others), (0, 0, 0, _INDENT))


def _text(cell: Any) -> Text:
    return cell if isinstance(cell, Text) else Text("" if cell is None else str(cell))
