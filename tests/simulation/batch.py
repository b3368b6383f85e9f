"""A batch of histories, run in a process of its own."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing import get_context

from tests.simulation.mutants import breed

_AT_ONCE = 25
_bred: list[str] = []


@dataclass(frozen=True)
class Batch:
    """Seeds from ``first`` on; ``mutant``: in which way the engine is broken. ``until_broken``: stop at the first
    history that breaks a promise."""

    first: int
    count: int
    mutant: str | None = None
    until_broken: bool = False


Outcome = tuple[Counter[str], list[str]]
"""Counts over a batch, and the texts of the histories that broke a promise."""


def run_all(whole: Batch, processes: int) -> Iterator[Outcome]:
    """The outcomes of the batch, part by part, in the order of the seeds."""
    end = whole.first + whole.count
    starts = range(whole.first, end, _AT_ONCE)
    parts = [replace(whole, first=first, count=min(_AT_ONCE, end - first)) for first in starts]
    if processes == 1:
        yield from map(run, parts)
        return
    with get_context("spawn").Pool(processes) as pool:
        yield from pool.imap(run, parts)


def run(batch: Batch) -> Outcome:
    """Run a batch here. The engine is imported now, so that a mutant can take its place."""
    if batch.mutant is not None and batch.mutant not in _bred:
        breed(batch.mutant)
        _bred.append(batch.mutant)
    from loguru import logger

    from tests.simulation.history import simulate

    logger.remove()
    counts: Counter[str] = Counter()
    broken = []
    for seed in range(batch.first, batch.first + batch.count):
        history = simulate(seed)
        counts.update(history.counts, histories=1)
        counts.update({violation.partition(":")[0] for violation in history.violations})
        if history.violations:
            again = f" MUTANT='{batch.mutant}'" if batch.mutant else ""
            broken.append(f"{history}\n\nAgain: make simulate FIRST={seed} SEEDS=1{again}")
            if batch.until_broken:
                break
    return counts, broken
