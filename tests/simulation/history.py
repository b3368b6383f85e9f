"""One history: the real engine in simulated processes, from the first trigger until everything is at rest."""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from random import Random
from typing import Any

from sqlalchemy import Connection

from tandem.domain.channel import Channel
from tandem.domain.operation import ChannelName
from tandem.engine.bot import Bot, BotResult, Work
from tandem.engine.engine import Engine
from tandem.engine.execution import execute
from tandem.engine.late_look import BOT as LATE_LOOK
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System
from tandem.errors import BusinessError, StockShort
from tandem.store import runs, tickets
from tandem.store.codec import Codec
from tandem.store.runs import RunRow
from tandem.store.tickets import Ticket
from tandem.vault import Vault
from tests.simulation import check
from tests.simulation.business import ORDER_CREATE, POSTING_CREATE, RESERVATION_CREATE, STATUS_SET, Asked, Item
from tests.simulation.disk import Client, Disk, Holders
from tests.simulation.loop import Deadlock, Process, SimulatedLoop, TimeOut
from tests.simulation.machine import Machine
from tests.simulation.network import Wire, api_channel
from tests.simulation.person import Person
from tests.simulation.scenario import Scenario, draw
from tests.simulation.screen import Screen, screen_channel
from tests.simulation.vendor import LATE_S, SETTLE_S, Vendor
from tests.simulation.weather import Weather

LONGEST_S = 5 * 24 * 3600.0
LEASE_S = 10.0
_CODEC = Codec(Vault(bytes(32)))


@dataclass
class History:
    """What became of one seed. ``violations``: sentences; empty when every promise was kept."""

    seed: int
    scenario: Scenario
    story: list[str]
    violations: list[str] = field(default_factory=list)
    ticketed: bool = False
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def digest(self) -> str:
        """The same for the same history, byte for byte."""
        return hashlib.sha256("\n".join([*self.story, *self.violations]).encode()).hexdigest()

    def __str__(self) -> str:
        return "\n".join(
            [f"seed {self.seed}", str(self.scenario), "", *self.story, "", *(f"BROKEN: {it}" for it in self.violations)]
        )


@cache
def _disk() -> Disk:
    return Disk()


def simulate(seed: int) -> History:
    """Run the history of a seed."""
    world = World(seed)
    history = world.history
    try:
        world.loop.run(world.live())
    except Deadlock:
        history.violations.append("stuck: nothing is ready and nothing ever becomes due")
    except TimeOut:
        history.violations.append("stuck: the history does not come to rest")
    history.violations += check.violations(world)
    history.ticketed = bool(world.open_tickets())
    history.counts["steps"] = world.loop.steps
    return history


class World:
    """Everything outside the engine: disk, vendors, workers, triggers, mishaps, and the person."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.scenario = draw(self.random)
        self.loop = SimulatedLoop(self.random, LONGEST_S)
        self.history = History(seed, self.scenario, [])
        self.weather = Weather(self.random, self.tell)
        self.disk = _disk()
        self.disk.wipe()
        self.holders = Holders()
        scenario, loop = self.scenario, self.loop
        self.erp = Vendor("erp", scenario.kind, loop, self.random, self.weather, self.tell)
        self.crm = Vendor("crm", "unique", loop, self.random, self.weather, self.tell)
        self.items = {item.reference: item for _, item in scenario.triggers}
        for reference in self.items:
            self.crm.keep("sim_status", Asked(external_reference=reference, amount=0))
        self.machines = [Machine(loop, self.random) for _ in range(scenario.workers)]
        self.workers: list[Worker] = []
        self.wires: list[Wire] = []
        self.crashes_left = scenario.crashes
        self.triggers_left = len(scenario.triggers)

    def tell(self, line: str) -> None:
        self.history.story.append(f"{self.loop.time():10.3f}  {line}")

    async def live(self) -> None:
        for at, item in self.scenario.triggers:
            self.loop.world(at, self._trigger, item)
        for at, worker, seconds in self.scenario.stops:
            self.loop.world(at, self._stop, worker, seconds)
        for at, worker, seconds in self.scenario.jumps:
            self.loop.world(at, self._jump, worker, seconds)
        self.workers = [Worker(self, place) for place in range(self.scenario.workers)]
        person = Person(self) if self.scenario.person else None
        while not await self._at_rest():
            if person is not None:
                await person.look()
            await asyncio.sleep(300)

    def read(self, work: Callable[[Connection], Any]) -> Any:
        return self.disk.read(work)

    def all_runs(self) -> list[RunRow]:
        found: list[RunRow] = self.read(lambda connection: runs.list_newest(connection, 1000))
        return found

    def open_tickets(self) -> list[Ticket]:
        found: list[Ticket] = self.read(lambda connection: tickets.list_newest(connection, 1000))
        return found

    def nudge(self) -> None:
        """There is something new to do: all workers look."""
        for worker in self.workers:
            worker.news.set()

    def crashes(self, process: Process, where: str) -> bool:
        """Whether the process dies here; what it had under way is taken over once its lease has passed."""
        if not self.crashes_left or self.random.random() >= self.scenario.crash_rate:
            return False
        self.crashes_left -= 1
        self.tell(f"{process.name} dies {where}")
        if self.scenario.workers > 1:
            self.loop.world(LEASE_S, self._suspect, process)
        return True

    async def _at_rest(self) -> bool:
        if self.triggers_left or self.erp.pending or self.crm.pending:
            return False
        if any(worker.process.stopped or not worker.process.alive for worker in self.workers):
            return False
        unexplained = check.unfinished(self)
        if unexplained:
            return False
        if self.scenario.person and any(link.blocking for ticket in self.open_tickets() for link in ticket.runs):
            return False
        return not check.looking(self)

    def _trigger(self, item: Item) -> None:
        """Whoever is awake takes the announcement in; else it comes again."""
        awake = [worker for worker in self.workers if worker.process.alive and not worker.process.stopped]
        if not awake:
            self.loop.world(5.0, self._trigger, item)
            return
        worker = self.random.choice(awake)
        worker.process.run(self._announce(worker, item))
        self.loop.world(60.0, self._announced, worker.process, item)

    async def _announce(self, worker: "Worker", item: Item) -> None:
        await worker.engine.start("sync", [Work(item.business_key, item)])
        self.tell(f"{worker.process.name} was told of {item.reference}")
        self.nudge()

    def _announced(self, process: Process, item: Item) -> None:
        if process.alive:
            self.triggers_left -= 1
        else:
            self._trigger(item)

    def _stop(self, place: int, seconds: float) -> None:
        process = self.workers[place].process
        if process.alive and not process.stopped:
            self.tell(f"{process.name} is stopped for {seconds:.0f} s")
            process.stop()
            self.loop.world(LEASE_S, self._suspect, process)
            self.loop.world(seconds, self._resume, process)

    def _suspect(self, process: Process) -> None:
        """A worker that has not been heard of for a lease is taken for dead: another one takes its runs over."""
        if process.alive and not process.stopped:
            return
        orphans = self.holders.runs_of(process, self.disk)
        others = [worker for worker in self.workers if worker.process.alive and not worker.process.stopped]
        if orphans and others:
            self.random.choice(others).take_over(orphans)
        elif orphans:
            self.loop.world(LEASE_S, self._suspect, process)

    def _resume(self, process: Process) -> None:
        self.tell(f"{process.name} goes on")
        process.resume()

    def _jump(self, place: int, seconds: float) -> None:
        self.tell(f"clock of worker {place} jumps by {seconds:.0f} s")
        self.machines[place].jump(seconds)


class Worker:
    """One place where a worker process runs; when it dies, another is started."""

    def __init__(self, world: World, place: int) -> None:
        self.world, self.place = world, place
        self.lives = 0
        self._start()

    def _start(self) -> None:
        world = self.world
        self.lives += 1
        self.process = Process(f"worker {self.place}.{self.lives}", world.loop)
        self.news = asyncio.Event()
        self.store = Client(
            world.disk, self.process, world.random, world.holders, self._crash_point, world.scenario.slowness_s
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
        world, channels = self.world, {}
        for name in ladder:
            if name == "api":
                wire = Wire(vendor, self.process, world.random, world.weather)
                world.wires.append(wire)
                channels[name] = api_channel(vendor.name, wire, machine)
            else:
                screen = Screen(name, vendor.name, vendor, self.process, world.random, world.weather)
                channels[name] = screen_channel(screen, vendor.name, machine)
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


def is_late_look(row: RunRow) -> bool:
    return row.bot == LATE_LOOK
