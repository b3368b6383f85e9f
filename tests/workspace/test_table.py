"""Tables a user keeps: whatever is wrong with one is told in one sentence of ours, with its line."""

from pathlib import Path

import openpyxl
import pytest

from tandem.errors import WorkspaceError
from tandem.workspace.table import table_of


def workbook(path: Path, *cells: tuple[object, str]) -> Path:
    """A workbook of one column ``order``, each cell with its number format."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(["order"])
    for row, (value, number_format) in enumerate(cells, start=2):
        cell = sheet.cell(row, 1, value)
        cell.number_format = number_format
    book.save(path)
    return path


def test_number_keeps_the_zeros_its_format_shows(tmp_path: Path) -> None:
    path = workbook(tmp_path / "orders.xlsx", (44, "00000000"), ("0045", "@"), (1234567.0, "00"))
    table = table_of(path)
    assert list(table["order"]) == ["00000044", "0045", "1234567"]
    assert table.attrs["numbers"] == []


def test_plain_number_is_its_digits_and_its_column_is_named(tmp_path: Path) -> None:
    table = table_of(workbook(tmp_path / "orders.xlsx", ("0045", "@"), (44, "General")))
    assert list(table["order"]) == ["0045", "44"]
    assert table.attrs["numbers"] == ["order"]


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (12345678901234567, ":2: cell A2 is a number of more than 15 digits"),
        ("#N/A", ":2: cell A2 is the error #N/A."),
    ],
)
def test_cell_whose_value_cannot_be_told_is_refused(value: object, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError) as caught:
        table_of(workbook(tmp_path / "orders.xlsx", (value, "General")))
    assert sentence in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 garbage", b"order\n1\n"])
def test_file_that_is_no_workbook_is_one_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "orders.xlsx").write_bytes(content)
    with pytest.raises(WorkspaceError, match=r"orders\.xlsx is no XLSX workbook, or a damaged one\."):
        table_of(tmp_path / "orders.xlsx")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('order\n1\n"2\n3\n', r":3: the quotes of this row do not fit\."),
        ("order,order\n1,2\n", r":1: the column order stands twice\."),
        ("order,,note\n1,2,3\n", r":1: column 2 has no heading\."),
        ("order\n1\n2,3\n", r":3: 2 values for 1 columns\."),
        ("order\n1\x00\n", r":2: it holds a zero byte\."),
        ("", r"csv is empty\."),
        ("\n\n", r"csv is empty\."),
    ],
)
def test_faulty_text_is_explained_with_its_line(content: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "orders.csv").write_text(content, encoding="utf-8")
    with pytest.raises(WorkspaceError, match=sentence):
        table_of(tmp_path / "orders.csv")


def test_lines_are_those_of_the_file_where_a_value_has_several(tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text('order,note\n1,"a\nb"\n2\n\n', encoding="utf-8")
    table = table_of(tmp_path / "notes.csv")
    assert list(table.index) == [2, 4]
    assert list(table["note"]) == ["a\nb", ""]


def test_folder_in_place_of_a_table_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "cross_reference.csv").mkdir()
    with pytest.raises(WorkspaceError, match="is a folder, not a table"):
        table_of(tmp_path / "cross_reference.csv")
