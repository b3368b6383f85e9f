"""One history: the real engine in simulated processes, from the first trigger until everything is at rest."""

import hashlib
from collections import Counter
from dataclasses import dataclass

from tests.simulation import check
from tests.simulation.loop import Deadlock, TimeOut
from tests.simulation.scenario import Scenario
from tests.simulation.world import World


@dataclass(frozen=True)
class History:
    """What became of one seed. ``violations``: sentences, each begun with its kind; none when all promises were kept.

    ``counts``: steps of the loop, faults that struck, processes that died, tickets left open, documents made.
    """

    seed: int
    scenario: Scenario
    story: tuple[str, ...]
    violations: tuple[str, ...]
    counts: Counter[str]

    @property
    def digest(self) -> str:
        """The same for the same history, byte for byte."""
        return hashlib.sha256(str(self).encode()).hexdigest()

    def __str__(self) -> str:
        broken = [f"BROKEN  {violation}" for violation in self.violations]
        return "\n".join([f"seed {self.seed}", str(self.scenario), "", *self.story, "", *broken])


def simulate(seed: int) -> History:
    """Run the history of a seed."""
    world = World(seed)
    violations = []
    try:
        world.loop.run(world.live())
    except Deadlock:
        violations.append("stuck: nothing is ready and nothing ever becomes due")
    except TimeOut:
        violations.append("stuck: the history does not come to rest")
    violations += check.violations(world)
    counts = Counter(
        steps=world.loop.steps,
        faults=sum(world.weather.struck.values()),
        crashes=world.scenario.crashes - world.crashes_left,
        ticketed=int(bool(world.open_tickets())),
        documents=len(world.erp.books),
    )
    history = History(seed, world.scenario, tuple(world.story), tuple(violations), counts)
    world.loop.close()
    return history
