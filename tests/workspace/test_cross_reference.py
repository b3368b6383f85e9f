"""The user's cross-reference table, as CSV or XLSX."""

from pathlib import Path

import pandas as pd
import pytest

from tandem.errors import WorkspaceError
from tandem.workspace.cross_reference import of_workspace, read

ROWS = "kind,source,target\ncustomer,C-1,0017100001\nmaterial,85123A,心形灯\nunit,NA,PC\n"


def test_values_are_looked_up_by_kind_and_source_as_text(tmp_path: Path) -> None:
    (tmp_path / "cross_reference.csv").write_text(ROWS, encoding="utf-8")
    references = of_workspace(tmp_path)
    assert references.lookup("customer", "C-1") == "0017100001"
    assert references.lookup("material", "85123A") == "心形灯"
    assert references.lookup("unit", "NA") == "PC"
    assert references.lookup("material", "C-1") is None


def test_spreadsheet_is_read_like_a_csv_file(tmp_path: Path) -> None:
    table = pd.DataFrame([["customer", "00042", "17"]], columns=["kind", "source", "target"])
    table.to_excel(tmp_path / "cross_reference.xlsx", index=False)
    assert of_workspace(tmp_path).lookup("customer", "00042") == "17"


def test_workspace_without_a_table_has_an_empty_one(tmp_path: Path) -> None:
    assert len(of_workspace(tmp_path)) == 0


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"kind,from,to\n", ":1: the columns are kind, from, to. Valid columns: kind, source, target."),
        (ROWS.encode() + b"customer,C-1,17\n", ":5: customer C-1 stands twice."),
        (b"kind,source,target\ncustomer,,17\n", ":2: source is empty."),
        ("kind,source,target\ncustomer,北京,1\n".encode("gbk"), "is not UTF-8 text"),
        (b"", "is empty."),
    ],
)
def test_faulty_table_is_explained_with_its_row(content: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "cross_reference.csv"
    path.write_bytes(content)
    with pytest.raises(WorkspaceError) as caught:
        read(path)
    assert sentence in str(caught.value)


def test_two_tables_are_refused(tmp_path: Path) -> None:
    (tmp_path / "cross_reference.csv").write_text(ROWS, encoding="utf-8")
    (tmp_path / "cross_reference.xlsx").write_bytes(b"")
    with pytest.raises(WorkspaceError, match="Keep one of them"):
        of_workspace(tmp_path)
