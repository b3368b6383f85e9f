"""Every benchmark still runs, at tiny sizes. What it measures is not looked at here: no test asserts a time."""

import subprocess
import sys
from pathlib import Path

import pytest

from tandem.store.opening import open_database
from tests.bench import bench_bot, bench_engine, bench_quota, bench_store, bench_waiting
from tests.bench.ratio import Compared, Measured, show

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("in_flight", [1, 4])
async def test_engine_is_compared_with_a_loop_that_writes_the_same_bytes(in_flight: int) -> None:
    row = await bench_engine.measure(8, in_flight, 1)
    assert {"in_flight", "rate", "baseline_rate", "ratio", "cpu_ms", "baseline_cpu_ms"} == set(row)


async def test_bot_is_compared_with_a_loop_that_sends_the_same_calls() -> None:
    row = await bench_bot.measure(8, 4, 1)
    assert {"in_flight", "rate", "baseline_rate", "ratio", "cpu_ms", "baseline_cpu_ms", "calls", "peak_mb"} == set(row)


def test_call_of_the_loop_is_about_the_order_that_the_loop_has_made() -> None:
    batch = b"PATCH A_SalesOrder('84')\r\nPATCH A_SalesOrderItem(SalesOrder='84',SalesOrderItem='84')"
    own = bench_bot.Call("erp", "GET", "/A_SalesOrder('84')?$top=84", {}, batch).about("1207")
    assert own.path == "/A_SalesOrder('1207')?$top=84"
    assert own.content == b"PATCH A_SalesOrder('1207')\r\nPATCH A_SalesOrderItem(SalesOrder='1207',SalesOrderItem='84')"


async def test_full_store_is_compared_with_an_empty_one(tmp_path: Path) -> None:
    full, empty = open_database(tmp_path / "full.db"), open_database(tmp_path / "empty.db")
    rows = await bench_store.compare(full, empty, finished=300, waiting=5, samples=10)
    assert [row["work"] for row in rows] == [*bench_store.WRITES, *bench_store.READS]


@pytest.mark.parametrize("vendor", bench_quota.VENDORS)
def test_quota_is_used_by_each_kind_of_vendor(vendor: str) -> None:
    """In a process that finds this package by its folder, as the vendor's process does."""
    code = (
        f"import asyncio; from tests.bench.bench_quota import measure; print(*asyncio.run(measure({vendor!r}, 60, 1)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=240, check=True
    )
    assert set(done.stdout.split()) == {"vendor", "used", "refused", "cpu_ms_per_call"}


async def test_idle_engine_is_measured_with_and_without_waiting_runs() -> None:
    assert [row["waiting"] for row in await bench_waiting.measure(0.2, 5)] == [0, 5]


@pytest.mark.parametrize(("limit", "admitted"), [("sliding window", 50), ("whole seconds", 50), ("token bucket", 50)])
def test_vendor_admits_fifty_at_once_and_refuses_the_next(limit: str, admitted: int) -> None:
    admits = bench_quota.VENDORS[limit]()
    assert [admits(5000.0) for _ in range(admitted + 1)] == [True] * admitted + [False]


def test_ratio_is_the_median_of_the_turns() -> None:
    turns = [(Measured(10, seconds, 1.0), Measured(10, 1.0, 0.5)) for seconds in (1.0, 2.0, 4.0)]
    compared = Compared.of(turns)
    assert (compared.ratio, compared.rate, compared.baseline_rate, compared.cpu_ms) == (0.5, 5.0, 10.0, 100.0)


def test_rows_are_shown_as_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"work": "a", "ms": 1.5}, {"work": "bcd", "ms": 22}], as_json=False)
    assert capsys.readouterr().out == "work   ms\n   a  1.5\n bcd   22\n"
