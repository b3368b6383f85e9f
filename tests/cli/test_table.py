"""Tables on narrow terminals, in columns or in blocks."""

from io import StringIO

from rich.cells import cell_len
from rich.console import Console

from tandem.cli.table import print_table

COLUMNS = ("run", "work item", "status", "result")
ROWS = [
    ("01m89rkre4ygbfvzwbnehj9tze", "crm order 00000044", "finished", None),
    ("01m8", "单据 45", "waiting", "待补货"),
]


def printed(width: int) -> list[str]:
    text = StringIO()
    print_table(Console(file=text, width=width), COLUMNS, ROWS)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_wide_terminal_shows_columns() -> None:
    lines = printed(100)
    assert [line.split()[0] for line in lines] == ["run", "01m89rkre4ygbfvzwbnehj9tze", "01m8"]
    places = {
        cell_len(line[: line.index(status)]) for line, status in zip(lines[1:], ("finished", "waiting"), strict=True)
    }
    assert len(places) == 1


def test_narrow_terminal_shows_a_block_a_row_and_cuts_nothing() -> None:
    assert printed(60) == [
        "run 01m89rkre4ygbfvzwbnehj9tze",
        "    work item crm order 00000044; status finished",
        "run 01m8",
        "    work item 单据 45; status waiting; result 待补货",
    ]
