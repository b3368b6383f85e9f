"""One place where a worker process runs: the real engine on its own channels, started again when it dies."""

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING

from tandem.domain.channel import Channel
from tandem.domain.operation import ChannelName
from tandem.engine.bot import Bot, BotResult
from tandem.engine.engine import Engine
from tandem.engine.execution import execute
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.errors import BusinessError, StockShort
from tandem.store import runs
from tandem.store.codec import Codec
from tandem.store.runs import RunRow
from tandem.vault import Vault
from tests.simulation.business import ORDER_CREATE, POSTING_CREATE, RESERVATION_CREATE, STATUS_SET, Asked, Item
from tests.simulation.disk import Client
from tests.simulation.loop import Process
from tests.simulation.machine import Machine
from tests.simulation.network import Wire, api_channel
from tests.simulation.screen import Screen, screen_channel
from tests.simulation.site import Site
from tests.simulation.vendor import LATE_S, SETTLE_S, Vendor
from tests.simulation.witness import Watched

if TYPE_CHECKING:
    from tests.simulation.world import World

_CODEC = Codec(Vault(bytes(32)))


class Worker:
    """One place where a worker process runs; when it dies, another is started."""

    def __init__(self, world: "World", place: int) -> None:
        self.world, self.place = world, place
        self.lives = 0
        self._start()

    def _start(self) -> None:
        world = self.world
        self.lives += 1
        self.process = Process(f"worker {self.place}.{self.lives}", world.loop)
        self.news = asyncio.Event()
        self._site = Site(self.process, world.random, world.weather, world.witness, self._stop_point, self._crash_point)
        self.store = Client(
            world.disk, self.process, world.random, world.committed, self._crash_point, world.scenario.slowness_s
        )
        machine = world.machines[self.place]
        systems = {"erp": self._erp(machine), "crm": self._crm(machine)}
        bot = Bot("sync", Item, self._process, systems=systems)
        self.engine = Engine(
            self.store,
            {"sync": bot},
            _CODEC,
            systems=systems,
            clock=machine,
            new_id=machine.new_id,  # type: ignore[arg-type]
        )
        self.process.run(self._work())

    def _crash_point(self, where: str) -> None:
        if self.process.alive and self.world.crashes(self.process, where):
            self.process.kill()
            self.world.loop.world(1.0, self._start)

    def _stop_point(self, where: str) -> None:
        self.world.may_stop(self.process, where)

    async def _work(self) -> None:
        if self.world.scenario.workers == 1:
            await self.engine.recover()
        while True:
            self.news.clear()
            tally = await self.engine.work(concurrency=self.world.scenario.concurrency, patience_s=0)
            await self._wait(tally.next_wake_at)

    async def _wait(self, wake_at: datetime | None) -> None:
        wait_s = 3600.0
        if wake_at is not None:
            wait_s = max(0.01, (wake_at - self.engine.clock.now()).total_seconds())
        timer = self.world.loop.call_later(wait_s, self.news.set)
        await self.news.wait()
        timer.cancel()

    def take_over(self, run_ids: list[str]) -> None:
        self.process.run(self._take_over(run_ids))

    async def _take_over(self, run_ids: list[str]) -> None:
        for run_id in run_ids:
            row = await self.store.write(lambda books, it=run_id: runs.take(books, it, self.engine.clock.now()))
            if row is not None:
                self.world.tell(f"{self.process.name} takes {row.bot} {row.business_key} over (epoch {row.epoch})")
                self.process.run(self._execute(row))

    async def _execute(self, row: RunRow) -> None:
        await execute(self.engine, row)
        self.world.nudge()

    def _erp(self, machine: Machine) -> System:
        scenario = self.world.scenario
        channels = self._channels(self.world.erp, scenario.ladder, machine)
        write = Rungs(scenario.ladder, SETTLE_S, LATE_S, scenario.look_first)
        read = Rungs(scenario.ladder)
        blind = Rungs(scenario.ladder, SETTLE_S, LATE_S)
        return System(
            "erp",
            "books",
            channels,
            {
                "sim_order.create": write,
                "sim_order.find": read,
                "sim_order.void": Rungs(scenario.ladder, SETTLE_S, LATE_S),
                "sim_reservation.create": write,
                "sim_reservation.find": read,
                "sim_reservation.void": Rungs(scenario.ladder, SETTLE_S, LATE_S),
                "sim_posting.create": blind,
                "sim_posting.void": blind,
            },
        )

    def _crm(self, machine: Machine) -> System:
        channels = self._channels(self.world.crm, ("api",), machine)
        rungs = Rungs(("api",), SETTLE_S, LATE_S)
        return System("crm", "contacts", channels, {"sim_status.set": rungs, "sim_status.find": rungs})

    def _channels(
        self, vendor: Vendor, ladder: tuple[ChannelName, ...], machine: Machine
    ) -> dict[ChannelName, Channel]:
        channels: dict[ChannelName, Channel] = {}
        for name in ladder:
            if name == "api":
                wire = Wire(vendor, self._site)
                self.world.wires.append(wire)
                channel: Channel = api_channel(vendor.name, wire, machine, self.world.scenario.calls_per_s)
            else:
                channel = screen_channel(Screen(name, vendor.name, vendor, self._site), vendor.name, machine)
            channels[name] = Watched(channel)
        return channels

    async def _process(self, run: Run) -> BotResult:
        """The bot: reservation, order (or posting), status; all or nothing."""
        scenario, item = self.world.scenario, run.item
        assert isinstance(item, Item)
        await run.version(f"{item.reference}@{item.version}")
        asked = Asked(external_reference=item.reference, amount=item.amount)
        try:
            async with run.saga():
                if scenario.reserves:
                    await run.perform("erp", RESERVATION_CREATE, asked)
                await run.perform("erp", POSTING_CREATE if scenario.kind == "blind" else ORDER_CREATE, asked)
                if item.short:
                    raise StockShort("{reference} is not wanted any more.", reference=item.reference)
                await run.perform("crm", STATUS_SET, Asked(external_reference=item.reference, amount=1))
        except BusinessError:
            if not scenario.tells:
                raise
            return BotResult(outcome="refused", final=False)
        return BotResult(outcome="created")
