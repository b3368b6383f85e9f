"""A row with more values than columns must never be shifted into another order's place."""

from pathlib import Path

import pytest

from bots.sales_order_sync.process import Item
from tandem.errors import WorkspaceError
from tandem.workspace import batch


def test_row_with_too_many_values_is_named_and_nothing_is_read(tmp_path: Path) -> None:
    path = tmp_path / "two.csv"
    path.write_text("order\n00000003\n00000004,00000006\n", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"two\.csv:3: 2 values for 1 columns"):
        batch.read(path, Item)
