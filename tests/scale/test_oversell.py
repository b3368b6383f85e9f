"""Scarce stock under four worker processes on PostgreSQL, some of them killed and replaced."""

import random
import time
from pathlib import Path

import pytest

from tests.postgres import wait_until
from tests.scale.conftest import Fleet, fleet_on
from tests.scarce import ERP_FAULTS, assert_sold_out_and_not_oversold, scarce_shop

WORKERS, KILLS = 4, 4
DEADLINE_S = 600.0


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("confirms", [True, False], ids=["ERP confirms by itself", "ERP checks and orders apart"])
def test_four_workers_neither_oversell_nor_leave_stock_lying(tmp_path: Path, database_url: str, confirms: bool) -> None:
    with scarce_shop(tmp_path, confirms=confirms) as (stage, retail), fleet_on(stage, database_url) as fleet:
        fleet.site.strike({"erp": ERP_FAULTS})
        fleet.poll()
        work_and_kill(fleet)
        wait_until(lambda: all(row.status == "finished" for row in fleet.rows()), DEADLINE_S)
        ended = {int(row.result["order_number"]): str(row.outcome) for row in fleet.rows() if row.result}
        assert_sold_out_and_not_oversold(fleet.site, retail, ended)


def work_and_kill(fleet: Fleet) -> None:
    """Four workers; each is killed in the middle of its work once, and another one put in its place."""
    draw = random.Random(6)
    for _ in range(WORKERS):
        fleet.start_worker("--concurrency", "8")
    for victim in range(KILLS):
        pid = fleet.workers[victim].pid
        wait_until(lambda pid=pid: fleet.in_hand().get(pid, 0) > 0, DEADLINE_S)
        time.sleep(draw.uniform(0.0, 1.0))
        fleet.workers[victim].kill()
        fleet.start_worker("--concurrency", "8")
