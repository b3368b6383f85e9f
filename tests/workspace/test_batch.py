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
        (b"order,note\n,x\n", "row 2: order: Field required."),
        ("order\n北京\n".encode("gbk"), "is not UTF-8 text"),
        (b"", "is not a table"),
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
