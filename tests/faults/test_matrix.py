"""The fault matrix on real parts: whatever strikes, one order or a ticket, never two and never none.

Cells of the night run with ``make faults``.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
import pytest_asyncio

from tests.faults.account import played
from tests.faults.cells import Cell, VendorKind, trios
from tests.faults.site import Site, opened

pytestmark = [pytest.mark.timeout(600), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def sites(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[dict[VendorKind, Site]]:
    async with opened(tmp_path_factory.mktemp("matrix")) as sites:
        yield sites


def _case(cells: Sequence[Cell], *marks: pytest.MarkDecorator) -> object:
    screens = [getattr(pytest.mark, name) for name in ("browser", "desktop") if name in cells[0].ladder]
    return pytest.param(cells, id=f"{cells[0].ladder}-{cells[0].strike.name}", marks=[*screens, *marks])


CASES = [_case(cells) for cells in trios(nightly=False)]
NIGHTLY = [_case(cells, pytest.mark.nightly) for cells in trios(nightly=True)]


@pytest.mark.parametrize("cells", [*CASES, *NIGHTLY])
async def test_struck_order_stands_once_or_a_person_is_asked(
    sites: dict[VendorKind, Site], cells: Sequence[Cell]
) -> None:
    accounts = await asyncio.gather(*(played(sites[cell.kind], cell) for cell in cells))
    for cell, account in zip(cells, accounts, strict=True):
        case = f"{cell.name}: {account}"
        assert account.struck, case
        assert (account.duplicates, account.lost, account.wrong) == (0, 0, 0), case
        assert account.exactly_once or account.ticketed, case
        assert account.exactly_once or not cell.mends, case
        assert not (cell.is_refused and account.made), case
