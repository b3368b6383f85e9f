"""Play the whole fault matrix, kill the saga everywhere, and write the counts into ``docs/reliability.md``:

``python -m tests.faults.report``; with ``--only api`` (a ladder, or ``saga``; repeatable) that part alone, the other
counts left as they are.
"""

import argparse
import asyncio
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from loguru import logger

from tests.faults.account import Account, played
from tests.faults.cells import KINDS, LADDERS, Cell, VendorKind, trios
from tests.faults.crash import staged
from tests.faults.site import opened

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"


@dataclass
class Count:
    """Of the cells of one ladder and kind of vendor."""

    cells: int = 0
    exactly_once: int = 0
    undone: int = 0
    ticketed: int = 0
    refused: int = 0
    duplicates: int = 0
    lost: int = 0
    wrong: int = 0

    def add(self, account: Account) -> None:
        self.cells += 1
        self.exactly_once += account.exactly_once
        self.undone += account.undone
        self.ticketed += account.ticketed and not account.refused
        self.refused += account.refused
        self.duplicates += account.duplicates
        self.lost += account.lost
        self.wrong += account.wrong


Counts = dict[tuple[str, VendorKind], Count]
Rows = dict[str, tuple[int, ...]]
"""The numbers of a row of the page, by how it begins."""
_SAGA = "saga"


async def count(ladders: Sequence[str]) -> Counts:
    """Play every cell of these ladders, those of the night too."""
    counts: Counts = {(ladder, kind): Count() for ladder in ladders for kind in KINDS}
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder)) as sites:
            for cells in trios(nightly=False) + trios(nightly=True):
                if cells[0].ladder in ladders:
                    accounts = await asyncio.gather(*(played(sites[cell.kind], cell) for cell in cells))
                    for cell, account in zip(cells, accounts, strict=True):
                        counts[cell.ladder, cell.kind].add(account)
                        _tell(cell, account)
    return counts


async def kill_sagas() -> Rows:
    """The rows of the saga that is made, and of the one that is undone."""
    rows: Rows = {}
    for name, refused in (("five made", False), ("five undone", True)):
        with tempfile.TemporaryDirectory() as folder:
            async with staged(Path(folder)) as stage:
                kills = await stage.kill_everywhere(refused=refused)
        rows[f"| {name} |"] = (kills.count, len(kills.twice), len(kills.half), len(kills.untold))
    return rows


def write(rows: Rows) -> None:
    """Replace these rows of the page."""
    text = PAGE.read_text(encoding="utf-8")
    for start, numbers in rows.items():
        row = f"{start} {' | '.join(str(number) for number in numbers)} |"
        text, replaced = re.subn(rf"^{re.escape(start)}.*$", lambda _, row=row: row, text, flags=re.MULTILINE)
        if replaced != 1:
            sys.exit(f"{PAGE}: the table has {replaced} rows that begin with {start!r}; it must have one.")
    PAGE.write_text(text, encoding="utf-8")


def _tell(cell: Cell, account: Account) -> None:
    fault = account.duplicates or account.lost or account.wrong or (cell.mends and not account.exactly_once)
    print(f"{'FAULT' if fault else 'ok   '} {cell.name}: {account}", flush=True)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.report", description=__doc__)
    parser.add_argument("--only", action="append", choices=(*LADDERS, _SAGA), help="only this part")
    parts = parser.parse_args().only or (*LADDERS, _SAGA)
    logger.remove()
    started = time.monotonic()
    counts = asyncio.run(count([part for part in parts if part != _SAGA]))
    write({f"| {ladder} | {kind} |": astuple(found) for (ladder, kind), found in counts.items()})
    if _SAGA in parts:
        write(asyncio.run(kill_sagas()))
    cells = sum(found.cells for found in counts.values())
    print(f"{cells} cells in {time.monotonic() - started:.0f} s; see {PAGE}")  # noqa: T201
    if any(found.duplicates or found.lost or found.wrong for found in counts.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
