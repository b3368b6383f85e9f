"""Scarce stock under one engine process that is killed again and again."""

import random
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import BOT, Site
from tests.scarce import ERP_FAULTS, assert_sold_out_and_not_oversold, scarce_shop

KILLS = 4


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("confirms", [True, False], ids=["ERP confirms by itself", "ERP checks and orders apart"])
def test_scarce_stock_is_neither_oversold_nor_left_lying(tmp_path: Path, confirms: bool) -> None:
    with scarce_shop(tmp_path, confirms=confirms) as (stage, retail):
        shop = Site(stage)
        shop.strike({"erp": ERP_FAULTS})
        run_and_kill(shop)
        shop.strike({})
        shop.run("run", BOT, "--changed", "--patience-s", "30")
        assert_sold_out_and_not_oversold(shop, retail, outcomes(shop))


def run_and_kill(site: Site) -> None:
    """Work on all orders, and kill the process without warning a few times in between."""
    draw = random.Random(5)
    process = site.start("run", BOT, "--changed", "--concurrency", "32", "--json")
    for _ in range(KILLS):
        time.sleep(draw.uniform(4.0, 8.0))
        process.kill()
        process.communicate()
        process = site.start("run", BOT, "--concurrency", "32", "--json")
    _, told = process.communicate(timeout=600)
    assert process.returncode == 0, told


def outcomes(site: Site) -> dict[int, str]:
    """How each order ended, by its number."""
    rows = site.json("runs", "list", "--bot", BOT, "--limit", "5000")
    return {
        int(row["result"]["order_number"]): row["outcome"] for row in reversed(rows) if row["outcome"] != "repeated"
    }
