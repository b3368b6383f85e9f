"""``kill -9`` at random moments of a batch: everything accounted for, nothing twice, nothing lost."""

import contextlib
import random
import subprocess
import time

import pytest

from tests.e2e.conftest import BOT, Site

KILLS = 20


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("site", [200], indirect=True)
def test_batch_killed_twenty_times_has_each_order_exactly_once(site: Site) -> None:
    """The moments are drawn from a seed; start-up is waited for, so that every kill meets work under way."""
    draw = random.Random(20)
    site.strike({"erp": ("late_answer:write:0.3:0.4",), "crm": ("late_answer:write:0.3:0.4",)})
    first = site.start("run", BOT, "--changed", "--concurrency", "4", "--json")
    killed = 0
    for _ in range(KILLS):
        process = first if killed == 0 else site.start("run", BOT, "--concurrency", "4", "--json")
        _wait_for_work(site, process)
        time.sleep(draw.uniform(0.0, 0.6))
        killed += process.poll() is None
        process.kill()
        with contextlib.suppress(ValueError):
            process.communicate()
    site.strike({})
    assert killed >= KILLS - 2

    site.run("run", BOT)
    site.run("run", BOT, "--changed")
    rows = site.json("runs", "list", "--bot", BOT, "--limit", "1000")
    outcomes = {row["business_key"]: row["outcome"] for row in reversed(rows) if row["outcome"] != "repeated"}
    assert len(outcomes) == 200
    assert set(outcomes.values()) <= {"created", "waiting", "refused"}
    created = sum(outcome == "created" for outcome in outcomes.values())
    assert created > 50
    assert site.live_orders == created
    assert site.erp["duplicates"] == {}


def _wait_for_work(site: Site, process: "subprocess.Popen[str]") -> None:
    """Until the process has sent something, or has ended."""

    def touched() -> tuple[object, object]:
        return site.crm["api_calls"], site.erp["digest"]

    before = touched()
    deadline = time.monotonic() + 30
    while process.poll() is None and touched() == before and time.monotonic() < deadline:
        time.sleep(0.05)
