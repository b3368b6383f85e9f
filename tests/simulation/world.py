"""Everything outside the engine: disk, vendors, workers, triggers, mishaps, and the person."""

import asyncio
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

from sqlalchemy import Connection

from tandem.engine.bot import Work
from tandem.engine.steps import fold
from tandem.store import journal, runs, tickets
from tandem.store.runs import RunRow
from tandem.store.tickets import Ticket
from tests.simulation import check
from tests.simulation.business import Asked, Item
from tests.simulation.disk import Disk, Holders
from tests.simulation.disk import Work as DiskWork
from tests.simulation.loop import Process, SimulatedLoop
from tests.simulation.machine import Machine
from tests.simulation.network import Wire
from tests.simulation.person import Person
from tests.simulation.scenario import LONGEST_STOP_S, draw
from tests.simulation.vendor import Vendor
from tests.simulation.weather import Weather
from tests.simulation.witness import Witness
from tests.simulation.worker import Worker

LONGEST_S = 5 * 24 * 3600.0
LEASE_S = 10.0


_Books = tuple[int, list[RunRow], list[Ticket]]
"""The version of the disk, and what it has of runs and open tickets."""


@cache
def _disk() -> Disk:
    return Disk()


def _load(connection: Connection) -> tuple[list[RunRow], list[Ticket]]:
    return runs.list_newest(connection, 1000), tickets.list_newest(connection, 1000)


class World:
    """One seed's world. ``live`` returns when everything is at rest."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.scenario = draw(self.random)
        self.loop = SimulatedLoop(self.random, LONGEST_S)
        self.story: list[str] = []
        self.weather = Weather(self.random, self.tell)
        self.disk = _disk()
        self.holders = Holders()
        scenario, loop = self.scenario, self.loop
        self.witness = Witness(self.disk, self.holders, bool(scenario.jumps))
        self.erp = Vendor("erp", scenario.kind, loop, self.random, self.weather, self.tell)
        self.crm = Vendor("crm", "unique", loop, self.random, self.weather, self.tell)
        self.items = {item.reference: item for _, item in scenario.triggers}
        for reference in self.items:
            self.crm.keep("sim_status", Asked(external_reference=reference, amount=0))
        self.machines = [Machine(loop, self.random) for _ in range(scenario.workers)]
        self.disk.wipe((self.machines[0] if scenario.workers == 1 else Machine(loop, self.random)).now)
        self.workers: list[Worker] = []
        self.wires: list[Wire] = []
        self.crashes_left, self.halts_left = scenario.crashes, scenario.halts
        self.triggers_left = len(scenario.triggers)
        self.person = Person(self) if scenario.person else None
        self._read: _Books = (-1, [], [])

    def tell(self, line: str) -> None:
        self.story.append(f"{self.loop.time():10.3f}  {line}")

    async def live(self) -> None:
        for at, item in self.scenario.triggers:
            self.loop.world(at, self._trigger, item)
        for at, worker, seconds in self.scenario.stops:
            self.loop.world(at, self._stop_place, worker, seconds)
        for at, worker, seconds in self.scenario.jumps:
            self.loop.world(at, self._jump, worker, seconds)
        self.workers = [Worker(self, place) for place in range(self.scenario.workers)]
        while not self._at_rest():
            if self.person is not None:
                self.person.look()
            await asyncio.sleep(300)

    def read(self, work: Callable[[Connection], Any]) -> Any:
        return self.disk.read(work)

    def all_runs(self) -> list[RunRow]:
        return self._books()[1]

    def open_tickets(self) -> list[Ticket]:
        return self._books()[2]

    def settled_tickets(self) -> list[Ticket]:
        settled: list[Ticket] = self.read(lambda connection: tickets.list_newest(connection, 1000, status="resolved"))
        return settled

    def _books(self) -> _Books:
        """Read anew only when something has changed on the disk."""
        if self._read[0] != self.disk.version:
            rows, open_ones = self.read(_load)
            self._read = (self.disk.version, rows, open_ones)
        return self._read

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

    def may_stop(self, process: Process, where: str) -> None:
        """The process may be stopped just here, mostly for longer than its lease."""
        if self.halts_left and process.alive and self.random.random() < self.scenario.halt_rate:
            self.halts_left -= 1
            longest_s = self.random.choice((LEASE_S, 60.0, LONGEST_STOP_S))
            self._stop(process, self.random.uniform(1, longest_s), where)

    def committed(self, process: Process, works: list[DiskWork], results: list[Any]) -> None:
        for result in results:
            self.holders.note(process, result)
        self.witness.sees_commit(process, works, results)

    def asked(self, reference: str) -> Asked:
        return Asked(external_reference=reference, amount=self.items[reference].amount)

    def unsettled(self) -> list[Ticket]:
        """The open tickets that nobody will settle any more: all, where there is no person."""
        person = self.person
        return [ticket for ticket in self.open_tickets() if person is None or person.hopeless(ticket)]

    def held_documents(self) -> set[str]:
        """The numbers of the documents that a run knows as its own."""

        def load(connection: Connection) -> set[str]:
            found = set()
            for row in self.all_runs():
                for step in fold(journal.load(connection, row.id)).values():
                    if step.completed is not None and not step.undone:
                        found.add(str(step.completed.get("document")))
            return found

        held: set[str] = self.read(load)
        return held

    def _at_rest(self) -> bool:
        if self.witness.objections:
            return True
        if self.triggers_left or self.erp.pending or self.crm.pending:
            return False
        if any(worker.process.stopped or not worker.process.alive for worker in self.workers):
            return False
        if check.unfinished(self):
            return False
        return len(self.unsettled()) == len(self.open_tickets())

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

    def _stop_place(self, place: int, seconds: float) -> None:
        self._stop(self.workers[place].process, seconds, "somewhere")

    def _stop(self, process: Process, seconds: float, where: str) -> None:
        if process.alive and not process.stopped:
            self.tell(f"{process.name} is stopped for {seconds:.0f} s {where}")
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
        if orphans:
            self.loop.world(LEASE_S, self._suspect, process)

    def _resume(self, process: Process) -> None:
        self.tell(f"{process.name} goes on")
        process.resume()

    def _jump(self, place: int, seconds: float) -> None:
        self.tell(f"clock of worker {place} jumps by {seconds:.0f} s")
        self.machines[place].jump(seconds)
