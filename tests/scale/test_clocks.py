"""Workers whose clocks do not agree: late looks go by the clock of the store."""

from datetime import timedelta

from tandem.engine.engine import Engine
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.vault import Vault
from tests.engine.vendor import HandHeldClock, Office, work
from tests.wrong_clock import WrongClock

LATE_S = 2.0


class FastClock(WrongClock):
    """An hour ahead. While it waits, time passes at the vendor too."""

    def __init__(self, vendor: HandHeldClock) -> None:
        super().__init__(timedelta(hours=1))
        self._vendor = vendor

    async def sleep(self, seconds: float) -> None:
        self._vendor.advance(60)
        await super().sleep(seconds)


async def test_late_look_between_a_slow_and_a_fast_clock_is_made_when_the_store_says_so(
    shared: tuple[Database, Database],
) -> None:
    slow = HandHeldClock()
    office = Office(slow)
    office.use_ladder("api", late_s=LATE_S)
    office.api.script = ["very_late_commit"]
    bots, systems, codec = {"order": office.bot}, {"erp": office.system}, Codec(Vault(Vault.new_key()))
    one, other = (
        Engine(database, bots, codec, systems=systems, clock=clock)
        for database, clock in zip(shared, (slow, FastClock(slow)), strict=True)
    )
    await one.start("order", [work("R-1")])
    assert (await one.work(patience_s=100.0)).finished == {"created": 1}
    assert len(office.books.documents) == 1

    await other.work(patience_s=0.0)
    assert len(office.books.documents) == 2
    assert [document.sales_order_id for document in office.books.live] == ["1"]
