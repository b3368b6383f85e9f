"""Five orders or none: the saga that is killed at every write to its store.

As a program (``python -m tests.faults.saga URL``) it is the process that dies. One line of JSON in, one out, per life:
``{"store", "die_at", "moment"}`` -> ``{"signal"}``, 0 when it lived to its end. Each life is a process of its own,
forked from one that has loaded everything and started nothing.
"""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Literal, TypeVar

from loguru import logger
from sqlalchemy import Connection

from tandem.domain.record import Record
from tandem.domain.sales_order import SALES_ORDER_CREATE, SalesOrder
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.errors import OrderRefused
from tandem.store.database import Database
from tandem.store.sqlite import SqliteBackend
from tests.faults.site import API, api_engine

T = TypeVar("T")
BOT = "five_orders"
OPERATIONS = 5
SETTLE_S, LATE_S = 0.1, 0.2
Moment = Literal["before", "after"]


class Saga(Record):
    """``refused``: when all orders are made, a rule says no, and all have to be undone."""

    orders: tuple[SalesOrder, ...]
    refused: bool = False


class Mortal(Database):
    """A store whose process is killed at its ``die_at``-th write: before it is committed, or when it just is."""

    def __init__(self, path: Path, die_at: int, moment: Moment) -> None:
        super().__init__(SqliteBackend(path))
        self._die_at, self._moment = die_at, moment
        self._writes = 0

    def enqueue(self, work: Callable[[Connection], T]) -> asyncio.Future[T]:
        self._writes += 1
        if self._writes != self._die_at:
            return super().enqueue(work)
        if self._moment == "before":
            return super().enqueue(lambda connection: _die())
        future = super().enqueue(work)
        future.add_done_callback(lambda done: _die())
        return future


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    signal.pause()


def engine_on(database: Database, url: str) -> AbstractAsyncContextManager[Engine]:
    """The engine that carries the saga out, over the sandbox's API."""
    rungs = Rungs(("api",), SETTLE_S, LATE_S, look_first=True)
    return api_engine(url, database, _bot, dict.fromkeys(API, rungs))


def _bot(system: System) -> Bot:
    return Bot(BOT, Saga, _all_or_nothing, systems={"erp": system})


def work(saga: Saga) -> Work:
    return Work(f"saga {saga.orders[0].external_reference}", saga)


async def _all_or_nothing(run: Run) -> BotResult:
    assert isinstance(run.item, Saga)
    async with run.saga():
        for order in run.item.orders:
            await run.perform("erp", SALES_ORDER_CREATE, order, key=order.external_reference)
        if run.item.refused:
            raise OrderRefused("The customer changed their mind.")
    return BotResult(outcome="created")


async def _live(url: str, given: dict[str, object]) -> None:
    """One life: carry on with what the store holds, until killed or done."""
    database = Mortal(Path(str(given["store"])), int(str(given["die_at"])), given["moment"])  # type: ignore[arg-type]
    async with engine_on(database, url) as engine:
        await engine.work(patience_s=0.0)


def main() -> None:
    url = sys.argv[1]
    logger.remove()
    for line in sys.stdin:
        given = json.loads(line)
        life = os.fork()
        if life == 0:
            asyncio.run(_live(url, given))
            os._exit(0)
        _, status = os.waitpid(life, 0)
        print(json.dumps({"signal": os.WTERMSIG(status)}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
