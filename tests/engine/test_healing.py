"""A run whose screens were healed is marked in its journal, whatever became of the attempt."""

from dataclasses import asdict

import pytest

from tandem.domain.channel import Attempt, Healing
from tandem.domain.record import Record
from tandem.engine.engine import Engine
from tandem.store import journal
from tests.engine.vendor import HandHeldClock, Office, ScriptedChannel, work

HEALING = Healing("sales_order.new", "save", 2, "ab/abc.patch")


class HealedChannel(ScriptedChannel):
    """Screens on which one element was found otherwise, for operations of this name."""

    healed_in = ""

    async def perform(self, attempt: Attempt) -> Record:
        if attempt.operation.name == self.healed_in:
            attempt.healings.append(HEALING)
        return await super().perform(attempt)


@pytest.mark.parametrize("operation", ["sales_order.create", "sales_order.find"])
@pytest.mark.parametrize("script", [[], ["lost_answer"], ["screen_not_ready"]])
async def test_healed_element_is_in_the_journal_of_the_step(
    engine: Engine, office: Office, clock: HandHeldClock, operation: str, script: list[str]
) -> None:
    channel = HealedChannel("browser", office.books, clock)
    channel.healed_in, channel.script = operation, list(script)
    office.browser = channel
    office.api.find_script = ["refused"] * 50
    office.use_ladder("browser")
    (run_id,) = await engine.start("order", [work("R-1")])
    await engine.work(patience_s=3600)
    entries = await engine.database.read(lambda connection: journal.load(connection, run_id))
    healed = [entry for entry in entries if entry.kind == "healed"]
    assert healed
    assert {entry.step for entry in healed} == {"erp.sales_order.create"}
    assert all(entry.body == {"channel": "browser", **asdict(HEALING)} for entry in healed)
    assert len(office.books.documents) == 1
