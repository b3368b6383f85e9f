"""``kill -9`` before and after every write to the store of a saga of five orders, and of its undoing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.crash import MOMENTS, Kills, staged
from tests.faults.saga import OPERATIONS

ENTRIES_OF_A_STEP = 4
"""At least: each order is looked for, intended, attempted and completed; each undoing as well."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("refused", [False, True], ids=["made", "undone"])
async def test_saga_killed_at_every_write_to_its_store_is_all_or_nothing_and_exactly_once(
    tmp_path: Path, refused: bool, record_property: Callable[[str, object], None]
) -> None:
    async with staged(tmp_path) as stage:
        kills = await stage.kill_everywhere(refused=refused)
    assert kills == Kills(kills.count)
    assert kills.count >= len(MOMENTS) * ENTRIES_OF_A_STEP * OPERATIONS * (2 if refused else 1)
    record_property("kills", kills.count)
