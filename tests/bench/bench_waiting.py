"""CPU of an engine with nothing to do, with and without runs that wait for a person.

``python -m tests.bench.bench_waiting [--seconds 60] [--waiting 3000] [--json]``. Two engines, one after the
other, wait for a run that is due after so many seconds: one over empty books, one over books with runs that wait for a
ticket each.
CPU seconds of this process, all threads, from the first look at the books until the run is done.
"""

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tandem import log
from tandem.store import runs
from tandem.store.runs import NewRun
from tests.bench.bench_engine import Slip, engine_on
from tests.bench.bench_store import fill
from tests.bench.ratio import options, show


async def idle(path: Path, waiting: int, seconds: float) -> float:
    """CPU seconds of one engine that waits."""
    engine = engine_on(path)
    await engine.database.write(lambda connection: fill(connection, 0, waiting))
    slip = Slip(external_reference="due")
    new = NewRun("due", "five", slip.business_key, "due", slip.model_dump(mode="json"))
    now = datetime.now(UTC)
    await engine.database.write(
        lambda connection: runs.add_waiting(connection, new, now, now + timedelta(seconds=seconds))
    )
    cpu_s = time.process_time()
    tally = await engine.work(patience_s=2 * seconds + 1)
    cpu_s = time.process_time() - cpu_s
    await engine.close()
    assert tally.finished == {"written": 1}, tally
    return cpu_s


async def measure(seconds: float, waiting: int) -> list[dict[str, float]]:
    """One row without and one with waiting runs."""
    with tempfile.TemporaryDirectory() as folder:
        counts = (0, waiting)
        return [
            {
                "waiting": count,
                "seconds": seconds,
                "cpu_s": round(await idle(Path(folder) / f"{count}.db", count, seconds), 3),
            }
            for count in counts
        ]


def main() -> None:
    given = options(__doc__, seconds=60, waiting=3000)
    log.configure(level="ERROR")
    show(asyncio.run(measure(given.seconds, given.waiting)), as_json=given.json)


if __name__ == "__main__":
    main()
