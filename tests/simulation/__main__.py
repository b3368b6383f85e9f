"""Run many histories: ``python -m tests.simulation --seeds 1000000 --first 1 [--json] [--mutant NAME]``.

Exit code 1 when a promise was broken; every broken history is printed, with the command that runs it again.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator

from tests.simulation.mutants import MUTANTS, breed

_AT_ONCE = 25


def main() -> int:
    options = _options()
    started_s = time.monotonic()
    total: Counter[str] = Counter()
    broken = 0
    for counts, histories in _batches(options):
        total.update(counts)
        for text in histories:
            broken += 1
            _say(text + "\n")
        if histories and options.first_failure:
            break
    seconds = round(time.monotonic() - started_s, 1)
    _say(json.dumps(_summary(total, seconds)) if options.json else _sentence(total, seconds))
    return 1 if broken else 0


def run(first: int, count: int, mutant: str | None = None) -> tuple[Counter[str], list[str]]:
    """Some histories one after the other: their counts, and the texts of those that broke a promise."""
    if mutant is not None and mutant not in _bred:
        breed(mutant)
        _bred.append(mutant)
    from loguru import logger

    from tests.simulation.history import simulate

    logger.remove()
    counts: Counter[str] = Counter()
    broken = []
    for seed in range(first, first + count):
        history = simulate(seed)
        counts.update(history.counts, histories=1)
        counts.update({violation.partition(":")[0] for violation in history.violations})
        if history.violations:
            again = f" MUTANT='{mutant}'" if mutant else ""
            broken.append(f"{history}\n\nAgain: make simulate FIRST={seed} SEEDS=1{again}")
    return counts, broken


_bred: list[str] = []


def _batches(options: argparse.Namespace) -> Iterator[tuple[Counter[str], list[str]]]:
    jobs = [
        (first, min(_AT_ONCE, options.first + options.seeds - first), options.mutant)
        for first in range(options.first, options.first + options.seeds, _AT_ONCE)
    ]
    if len(jobs) == 1:
        yield run(*jobs[0])
        return
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        yield from pool.imap(_run, jobs)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _run(job: tuple[int, int, str | None]) -> tuple[Counter[str], list[str]]:
    return run(*job)


def _summary(total: Counter[str], seconds: float) -> dict[str, float]:
    return {
        "histories": total["histories"],
        "duplicates": total["duplicate"],
        "lost": total["lost"],
        "stuck": total["stuck"],
        "ticketed": total["ticketed"],
        "seconds": seconds,
    }


def _sentence(total: Counter[str], seconds: float) -> str:
    counted = ", ".join(f"{name} {count}" for name, count in sorted(total.items()))
    return f"{counted}; {seconds} s"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description="Run simulated histories.")
    parser.add_argument("--first", type=int, default=1, help="the first seed")
    parser.add_argument("--seeds", type=int, default=1000, help="how many")
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="how many at once")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    parser.add_argument("--mutant", choices=sorted(MUTANTS), help="break the engine in this way")
    parser.add_argument("--first-failure", action="store_true", help="stop at the first broken history")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
