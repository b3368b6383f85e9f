"""A process that keeps one schedule on a store until it is killed; ``work`` as second argument: executes runs as well.

Run as ``python -m tests.triggers.keeper_process STORE [work]``.
"""

import asyncio
import sys
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from tandem import log
from tandem.engine.bot import Bot, BotResult
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.store.codec import Codec
from tandem.store.opening import open_database
from tandem.triggers.rule import Every, Rule
from tandem.triggers.schedule import Schedule
from tandem.triggers.scheduler import Scheduler
from tandem.vault import Vault
from tests.engine.vendor import OrderItem

SCHEDULE = Schedule(
    "often", "order", Rule(Every(timedelta(seconds=1), ZoneInfo("UTC"))), "every 1s UTC", [{"reference": "A"}]
)


async def _done(run: Run) -> BotResult:
    return BotResult(outcome="done")


async def keep(store: Path, *, work: bool) -> None:
    bots = {"order": Bot("order", OrderItem, _done)}
    engine = Engine(open_database(store), bots, Codec(Vault(bytes(32))), systems={})
    keeping = asyncio.create_task(Scheduler(engine, SCHEDULE).keep())
    while work:
        await engine.work(patience_s=0)
        await asyncio.sleep(0.05)
    await keeping


if __name__ == "__main__":
    log.configure(level="ERROR")
    asyncio.run(keep(Path(sys.argv[1]), work="work" in sys.argv))
