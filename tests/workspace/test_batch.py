"""Batch files of work items."""

from pathlib import Path

import pandas as pd
import pytest

from tandem.domain.record import Record, Text
from tandem.errors import UsageError
from tandem.workspace.batch import read


class Item(Record):
    order: Text
    note: str = ""


def never(sentence: str) -> None:
    raise AssertionError(sentence)


def test_rows_become_items_and_numbers_stay_text(tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("order,note\n000536365,\n536366,急\n", encoding="utf-8")
    assert read(path, Item, never) == [Item(order="000536365"), Item(order="536366", note="急")]


def test_spreadsheet_is_read_like_a_csv_file(tmp_path: Path) -> None:
    path = tmp_path / "orders.xlsx"
    pd.DataFrame({"order": ["007"]}).to_excel(path, index=False)
    assert read(path, Item, never) == [Item(order="007")]


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
        read(path, Item, never)
    assert sentence in str(caught.value)


def test_batch_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"orders\.csv cannot be read"):
        read(tmp_path / "orders.csv", Item, never)


def test_numbers_that_may_have_lost_zeros_are_told(tmp_path: Path) -> None:
    path, told = tmp_path / "orders.xlsx", list[str]()
    pd.DataFrame({"order": [44]}).to_excel(path, index=False)
    assert read(path, Item, told.append) == [Item(order="44")]
    assert len(told) == 1
    assert "the column order holds numbers" in told[0]
