"""Batch files of work items."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from tandem.domain.record import Number, Record, Text
from tandem.errors import UsageError, WorkspaceError
from tandem.workspace.batch import read


class Item(Record):
    order: Text
    note: str = ""


class Quantity(Record):
    order: Text
    quantity: Number


def test_rows_become_items_and_numbers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order,note\n000536365,\n536366,急\n", encoding="utf-8")
    assert read(path, Item) == [Item(order="000536365"), Item(order="536366", note="急")]


def test_spreadsheet_is_read_like_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    pd.DataFrame({"order": ["007"]}).to_excel(path, index=False)
    assert read(path, Item) == [Item(order="007")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            b"ordre\n1\n",
            "there is no column ordre in work items of this bot. Valid columns: order, note. Did you mean order?",
        ),
        (b"order,note\n,x\n", "orders.csv:2: order: it is missing."),
        ("order\n北京\n".encode("gbk"), "is not UTF-8 text"),
        (b"", "is empty. Its first row must name the columns."),
        (b"order\n", "holds no work item below its headings."),
    ],
)
def test_faulty_batch_is_explained(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read(path, Item)
    assert sentence in str(caught.value)


def test_batch_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"orders\.csv cannot be read"):
        read(tmp_path / "orders.csv", Item)


def test_numbers_that_may_have_lost_zeros_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    pd.DataFrame({"order": [3, 4]}).to_excel(path, index=False)
    with pytest.raises(WorkspaceError, match=r"orders\.xlsx: the column order holds numbers"):
        read(path, Item)


def test_numbers_are_taken_where_numbers_belong(tmp_path: Path) -> None:
    path = tmp_path / "quantities.xlsx"
    pd.DataFrame({"order": ["007"], "quantity": [3]}).to_excel(path, index=False)
    assert read(path, Quantity) == [Quantity(order="007", quantity=Decimal(3))]


def test_rows_without_a_value_are_left_away_in_both_kinds_of_file(tmp_path: Path) -> None:
    text, sheet = tmp_path / "orders.csv", tmp_path / "orders.xlsx"
    text.write_text("order,note\n007,\n\n , \n008,\n\n", encoding="utf-8")
    pd.DataFrame({"order": ["007", None, " ", "008", None]}).to_excel(sheet, index=False)
    assert read(text, Item) == read(sheet, Item) == [Item(order="007"), Item(order="008")]


def test_line_of_a_mistake_is_that_of_the_file_behind_a_row_without_a_value(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order,note\n007,\n\n,x\n", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"orders\.csv:4: order: it is missing"):
        read(path, Item)
