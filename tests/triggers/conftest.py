"""Real engines on a real store, over the vendor of the engine's tests, and a clock that a test sets."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path

import pytest

from tandem.engine.bot import Bot, BotResult, Changes
from tandem.engine.engine import Engine
from tandem.engine.run import Run
from tandem.store.codec import Codec
from tandem.store.opening import open_database
from tandem.vault import Vault
from tests.engine.vendor import HandHeldClock, Office, OrderItem


async def _ended(run: Run) -> BotResult:
    return BotResult(outcome="done", final=False)


class Feed:
    """What a bot's poll finds: every change at or after the watermark, each with its stamp."""

    def __init__(self) -> None:
        self.changes: list[tuple[datetime, str]] = []
        self.polls = 0
        self.failures: list[BaseException] = []

    async def poll(self, run: Run, since: datetime | None) -> Changes:
        self.polls += 1
        if self.failures:
            raise self.failures.pop(0)
        found = [(at, name) for at, name in self.changes if since is None or at >= since]
        newest = max([at for at, _ in found], default=since or HandHeldClock().now())
        return Changes(
            items=tuple(OrderItem(reference=name) for _, name in found),
            watermark=newest,
            stamps=tuple(at.isoformat() for at, _ in found),
        )


@pytest.fixture
def clock() -> HandHeldClock:
    return HandHeldClock()


@pytest.fixture
def feed() -> Feed:
    return Feed()


BOTH_STORES = pytest.mark.parametrize("store", ["sqlite", "postgresql"], indirect=True)
"""For tests of what a store must see to."""


@pytest.fixture
def store(request: pytest.FixtureRequest, new_store: Callable[[str], Path | str]) -> Path | str:
    return new_store(getattr(request, "param", "sqlite"))


MakeEngine = Callable[..., Engine]


@pytest.fixture
async def make_engine(store: Path | str, clock: HandHeldClock, feed: Feed) -> AsyncIterator[MakeEngine]:
    """Engines on one store, as two workers have them; all are closed in the end."""
    made: list[Engine] = []
    codec = Codec(Vault(Vault.new_key()))

    def make(kind: type[Engine] = Engine) -> Engine:
        office = Office(clock)
        bot = Bot("order", OrderItem, _ended, feed.poll, {"erp": office.system})
        made.append(kind(open_database(store), {"order": bot}, codec, systems={"erp": office.system}, clock=clock))
        return made[-1]

    yield make
    for engine in made:
        await engine.close()


@pytest.fixture
def engine(make_engine: MakeEngine) -> Engine:
    return make_engine()
