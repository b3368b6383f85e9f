"""Run many histories: ``python -m tests.simulation --seeds 1000000 --first 1 [--json] [--mutant NAME]``.

Exit code 1 when a promise was broken; every broken history is printed, with the command that runs it again.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter

from tests.simulation.batch import Batch, run_all
from tests.simulation.mutants import MUTANTS


def main() -> int:
    options = _options()
    started_s = time.monotonic()
    total: Counter[str] = Counter()
    broken = 0
    batch = Batch(options.first, options.seeds, options.mutant, options.first_failure)
    for counts, histories in run_all(batch, options.processes):
        total.update(counts)
        for text in histories:
            broken += 1
            _say(text + "\n")
        if histories and options.first_failure:
            break
    seconds = round(time.monotonic() - started_s, 1)
    _say(json.dumps(_summary(total, seconds)) if options.json else _sentence(total, seconds))
    return 1 if broken else 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


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
