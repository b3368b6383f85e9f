"""``kill -9`` before and after every write to the store of a saga of five orders, and of its undoing."""

import asyncio
import itertools
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from tandem.engine.engine import Engine
from tandem.store import runs, tickets
from tandem.store.database import Database
from tandem.store.tickets import Ticket
from tests.faults.saga import BOT, OPERATIONS, Saga, engine_on, work
from tests.sap_pages import SapPages, sap_pages

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900), pytest.mark.asyncio(loop_scope="module")]
SIGKILL = 9
ENTRIES_AT_LEAST = 4 * OPERATIONS
"""Of a saga that goes well: each order is looked for, intended, attempted and completed."""


class Stage:
    """A sandbox, the program that is killed, and the engine that takes over from it."""

    def __init__(self, sap: SapPages, program: asyncio.subprocess.Process, engine: Engine) -> None:
        self.sap, self._program, self._engine = sap, program, engine

    def saga(self, name: str, *, refused: bool) -> Saga:
        orders = [self.sap.order(f"{name}-{number}", lines=1) for number in range(OPERATIONS)]
        return Saga(orders=tuple(orders), refused=refused)

    async def start(self, saga: Saga) -> str:
        (run_id,) = await self._engine.start(BOT, [work(saga)])
        return run_id

    async def life(self, die_at: int, moment: str) -> dict[str, Any]:
        """One process at work on the store; how it ended."""
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        asked = {"store": str(self._engine.database.path), "die_at": die_at, "moment": moment}
        self._program.stdin.write(json.dumps(asked).encode() + b"\n")
        told: dict[str, Any] = json.loads(await self._program.stdout.readline())
        return told

    async def after(self, saga: Saga, run_id: str) -> dict[str, Any]:
        """Another process takes the store over, this one; what it and the sandbox's books say at the end."""
        await self._engine.recover()
        await self._engine.work(patience_s=5.0)
        row = await self._engine.database.read(lambda connection: runs.find(connection, run_id))
        opened = await self._engine.database.read(lambda connection: tickets.list_newest(connection, 1000))
        made = [self.sap.books.find_sales_orders(reference=order.external_reference) for order in saga.orders]
        assert row is not None
        return {
            "outcome": row.outcome,
            "made": [len(orders) for orders in made],
            "standing": sum(not order.rejected for orders in made for order in orders),
            "tickets": [ticket.kind for ticket in opened if _concerns(ticket, run_id)],
        }


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with sap_pages() as sap:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.faults.saga", sap.url, stdin=-1, stdout=-1, cwd=Path(__file__).parents[2]
        )
        store = tmp_path_factory.mktemp("sagas") / "tandem.db"
        try:
            async with engine_on(Database(store), sap.url) as engine:
                yield Stage(sap, program, engine)
        finally:
            assert program.stdin is not None
            program.stdin.close()
            await program.wait()


def _concerns(ticket: Ticket, run_id: str) -> bool:
    return any(link.run_id == run_id for link in ticket.runs)


MADE = {"outcome": "created", "made": [1] * OPERATIONS, "standing": OPERATIONS, "tickets": []}
UNDONE = {"outcome": None, "made": [1] * OPERATIONS, "standing": 0, "tickets": ["business_exception"]}


@pytest.mark.parametrize(("refused", "expected"), [(False, MADE), (True, UNDONE)], ids=["made", "undone"])
async def test_saga_killed_at_every_write_to_its_store_is_all_or_nothing_and_exactly_once(
    stage: Stage, refused: bool, expected: dict[str, Any], record_property: Callable[[str, object], None]
) -> None:
    name = "BACK" if refused else "ON"
    killed = 0
    for die_at in itertools.count(1):
        for moment in ("before", "after"):
            saga = stage.saga(f"{name}-{die_at}-{moment}", refused=refused)
            run_id = await stage.start(saga)
            life = await stage.life(die_at, moment)
            assert await stage.after(saga, run_id) == expected, f"killed {moment} write {die_at}"
            killed += life["signal"] == SIGKILL
        if life["signal"] != SIGKILL:
            break
    record_property("crash_points", killed)
    print(f"{killed} crash points")  # noqa: T201
    assert killed >= 2 * ENTRIES_AT_LEAST * (2 if refused else 1)
