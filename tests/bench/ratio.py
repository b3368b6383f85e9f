"""Ratios against a baseline in the same run: the two take turns, and the medians are compared."""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """``count`` pieces of work, the seconds they took, and the CPU seconds of this process."""

    count: int
    seconds: float
    cpu_s: float

    @property
    def rate(self) -> float:
        """Pieces of work a second."""
        return self.count / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU of this process for one of them."""
        return self.cpu_s * 1000 / self.count


class Stopwatch:
    """Wall and CPU time of this process, all threads, since it was made."""

    def __init__(self) -> None:
        self._started_s, self._cpu_s = time.perf_counter(), time.process_time()

    def measured(self, count: int) -> Measured:
        """What has passed until now, for so many pieces of work."""
        return Measured(count, time.perf_counter() - self._started_s, time.process_time() - self._cpu_s)


@dataclass(frozen=True)
class Compared:
    """Medians over all turns. ``ratio``: median of the subject's rate by the baseline's, turn by turn."""

    rate: float
    baseline_rate: float
    ratio: float
    cpu_ms: float
    baseline_cpu_ms: float

    @classmethod
    def of(cls, turns: Sequence[tuple[Measured, Measured]]) -> "Compared":
        """``turns``: what the subject and the baseline took, each time."""
        return cls(
            rate=statistics.median(subject.rate for subject, _ in turns),
            baseline_rate=statistics.median(baseline.rate for _, baseline in turns),
            ratio=statistics.median(subject.rate / baseline.rate for subject, baseline in turns),
            cpu_ms=statistics.median(subject.cpu_ms for subject, _ in turns),
            baseline_cpu_ms=statistics.median(baseline.cpu_ms for _, baseline in turns),
        )

    def data(self) -> dict[str, float]:
        """The figures, each to four digits that mean something."""
        return {name: float(f"{value:.4g}") for name, value in asdict(self).items()}


async def in_turns(
    repeats: int, subject: Callable[[], Awaitable[Measured]], baseline: Callable[[], Awaitable[Measured]]
) -> Compared:
    """Measure A B, A B, … so that whatever else the machine does falls on both."""
    return Compared.of([(await subject(), await baseline()) for _ in range(repeats)])


def options(description: str | None, **defaults: int) -> argparse.Namespace:
    """The command line of a benchmark: one number for each default, and ``--json``."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in defaults.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=default)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def show(rows: Sequence[dict[str, Any]], *, as_json: bool) -> None:
    """Print the rows: a table whose head are the names of the first, or one JSON array."""
    if as_json:
        sys.stdout.write(json.dumps(rows) + "\n")
        return
    widths = [max(len(str(row[name])) for row in ({name: name}, *rows)) for name in rows[0]]
    for cells in (list(rows[0]), *(list(row.values()) for row in rows)):
        sys.stdout.write("  ".join(f"{cell!s:>{width}}" for cell, width in zip(cells, widths, strict=True)) + "\n")
