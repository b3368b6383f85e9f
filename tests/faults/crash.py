"""A saga killed at every write to its store, one life after the other; and what stood in the books each time."""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tandem.engine.engine import Engine
from tandem.store import runs, tickets
from tandem.store.opening import open_database
from tests.faults.saga import BOT, OPERATIONS, Moment, Saga, engine_on, work
from tests.sap_pages import SapPages, sap_pages

_SIGKILL = 9
MOMENTS: tuple[Moment, ...] = ("before", "after")


@dataclass
class Kills:
    """``twice``: kills after which an order was not made exactly once; ``half``: neither all stand nor none;
    ``untold``: the run did not end as a run that nobody kills."""

    count: int = 0
    twice: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


class Stage:
    """A sandbox, the program that is killed, and the engine that takes over from it."""

    def __init__(self, sap: SapPages, program: asyncio.subprocess.Process, engine: Engine) -> None:
        self._sap, self._program, self._engine = sap, program, engine

    async def kill_everywhere(self, *, refused: bool) -> Kills:
        """One life for each write and moment, until one survives. ``refused``: the saga has to be undone."""
        kills, survived = Kills(), False
        writes = itertools.count(1)
        while not survived:
            die_at = next(writes)
            survived = all([await self._killed(kills, die_at, moment, refused) for moment in MOMENTS])
        return kills

    async def _killed(self, kills: Kills, die_at: int, moment: Moment, refused: bool) -> bool:
        name = f"{moment} write {die_at}"
        saga = self._saga(f"{'BACK' if refused else 'ON'}-{die_at}-{moment}", refused)
        (run_id,) = await self._engine.start(BOT, [work(saga)])
        ended_by = await self._life(die_at, moment)
        await self._engine.recover()
        await self._engine.work(patience_s=5.0)
        made = [self._sap.books.find_sales_orders(reference=order.external_reference) for order in saga.orders]
        standing = sum(not order.rejected for orders in made for order in orders)
        kills.count += ended_by == _SIGKILL
        kills.twice += [name] if any(len(orders) != 1 for orders in made) else []
        kills.half += [name] if standing != (0 if refused else OPERATIONS) else []
        kills.untold += (
            [name] if await self._told(run_id) != (["business_exception"] if refused else ["created"]) else []
        )
        return ended_by != _SIGKILL

    async def _life(self, die_at: int, moment: Moment) -> int:
        """One process at work on the store; the signal that ended it, 0 when it lived to its end."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        asked = {"store": self._engine.database.backend.name, "die_at": die_at, "moment": moment}
        self._program.stdin.write(json.dumps(asked).encode() + b"\n")
        return int(json.loads(await self._program.stdout.readline())["signal"])

    async def _told(self, run_id: str) -> list[str]:
        """How the run ended, and the tickets that concern it."""
        row = await self._engine.database.read(lambda connection: runs.find(connection, run_id))
        opened = await self._engine.database.read(lambda connection: tickets.list_newest(connection, 1000))
        assert row is not None
        kinds = [ticket.kind for ticket in opened if any(link.run_id == run_id for link in ticket.runs)]
        return [*([row.outcome] if row.outcome else []), *kinds]

    def _saga(self, name: str, refused: bool) -> Saga:
        orders = [self._sap.order(f"{name}-{number}", lines=1) for number in range(OPERATIONS)]
        return Saga(orders=tuple(orders), refused=refused)


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """The running parts."""
    async with sap_pages() as sap:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.saga", sap.url, stdin=-1, stdout=-1, cwd=Path(__file__).parents[2]
        )
        try:
            async with engine_on(open_database(folder / "tandem.db"), sap.url) as engine:
                yield Stage(sap, program, engine)
        finally:
            assert program.stdin is not None
            program.stdin.close()
            await program.wait()
