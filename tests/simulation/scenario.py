"""What one seed decides before anything runs: the vendor, the channels, the orders, the workers and their mishaps."""

from dataclasses import dataclass
from random import Random

from tandem.domain.operation import CHANNELS, ChannelName
from tests.simulation.business import Item
from tests.simulation.vendor import VendorKind

LONGEST_STOP_S = 700.0


@dataclass(frozen=True)
class Scenario:
    """``ladder``: of the ERP's writes. ``workers``: 1 is the embedded engine; more share the store and take over.

    ``triggers``: when each item is announced, duplicates included. ``stops``: (when, which worker, how long).
    ``jumps``: (when, which worker's wall clock, how far). ``crash_rate``: per point at which a process may die.
    ``halts``: how often a process is stopped where it hurts most; ``halt_rate``: per such point.
    """

    kind: VendorKind
    ladder: tuple[ChannelName, ...]
    look_first: bool
    reserves: bool
    tells: bool
    concurrency: int
    workers: int
    person: bool
    slowness_s: float
    calls_per_s: float
    crash_rate: float
    crashes: int
    triggers: tuple[tuple[float, Item], ...]
    halt_rate: float
    halts: int
    stops: tuple[tuple[float, int, float], ...]
    jumps: tuple[tuple[float, int, float], ...]

    def __str__(self) -> str:
        lines = [
            f"ERP: {self.kind}; ladder {' > '.join(self.ladder)}; look first {self.look_first}; "
            f"reservation {self.reserves}",
            f"workers {self.workers}, {self.concurrency} runs at once; bot tells refusals {self.tells}; "
            f"person {self.person}; vendors take {self.calls_per_s} calls a second from each",
            f"crash rate {self.crash_rate}, at most {self.crashes}; stop rate {self.halt_rate}, at most {self.halts}; "
            f"store up to {self.slowness_s} s slow",
            *(f"trigger at {at:.2f}: {item}" for at, item in self.triggers),
            *(f"worker {worker} stopped at {at:.2f} for {seconds:.0f} s" for at, worker, seconds in self.stops),
            *(f"clock of worker {worker} jumps at {at:.2f} by {seconds:.0f} s" for at, worker, seconds in self.jumps),
        ]
        return "\n".join(lines)


def draw(random: Random) -> Scenario:
    """The scenario of a seed."""
    kind: VendorKind = random.choice(("unique", "upsert", "natural", "natural", "blind"))
    workers = random.choice((1, 1, 2, 3))
    span_s = random.choice((2.0, 30.0, 400.0))
    return Scenario(
        kind=kind,
        ladder=_ladder(random, 1 if kind == "blind" else 3),
        look_first=random.random() < 0.3,
        reserves=random.random() < 0.4,
        tells=random.random() < 0.7,
        concurrency=random.choice((1, 2, 4)),
        workers=workers,
        person=random.random() < 0.6,
        slowness_s=random.choice((0.1, 1.0, 20.0)),
        calls_per_s=random.choice((0.5, 1.0, 20.0)),
        crash_rate=random.choice((0.0, 0.0, 0.01, 0.05, 0.2)),
        crashes=random.randint(1, 4),
        triggers=_triggers(random, span_s),
        halt_rate=random.choice((0.0, 0.1, 0.5)) if workers > 1 else 0.0,
        halts=random.choice((1, 1, 2)),
        stops=_stops(random, workers, span_s),
        jumps=tuple(
            (random.uniform(0, span_s), random.randrange(workers), random.choice((-3600.0, -90.0, -5.0, 5.0, 90.0)))
            for _ in range(random.choice((0, 0, 1, 2)))
        ),
    )


def _ladder(random: Random, longest: int) -> tuple[ChannelName, ...]:
    """A write that cannot be read back has one rung: ``tandem check`` refuses it more."""
    return tuple(random.sample(CHANNELS, random.randint(1, longest)))


def _triggers(random: Random, span_s: float) -> tuple[tuple[float, Item], ...]:
    triggers = []
    keys, shortage = random.choice(("own", "shared")), random.choice((0.1, 0.5))
    for number in range(1, random.choice((1, 1, 2, 3)) + 1):
        item = Item(
            key=f"order {number}" if keys == "own" else "customer",
            reference=f"R-{number}",
            version=1,
            amount=random.randint(1, 9),
            short=random.random() < shortage,
        )
        triggers += [(random.uniform(0, span_s), item) for _ in range(random.choice((1, 1, 2, 3)))]
    return tuple(sorted(triggers, key=lambda trigger: trigger[0]))


def _stops(random: Random, workers: int, span_s: float) -> tuple[tuple[float, int, float], ...]:
    if workers == 1:
        return ()
    return tuple(
        (random.uniform(0, span_s), random.randrange(workers), random.uniform(1, LONGEST_STOP_S))
        for _ in range(random.choice((0, 1, 1, 2, 3)))
    )
