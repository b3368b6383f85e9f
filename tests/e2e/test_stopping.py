"""Work that is stopped, or meets another engine: real processes, real signals."""

import os
import re
import signal
import time

import pytest

from tests.e2e.conftest import BOT, Site


def wait_for(site: Site, event: str) -> None:
    """Until the workspace's log has the event."""
    log = site.folder / "data" / "tandem.log"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if log.exists() and f'"event": "{event}"' in log.read_text(encoding="utf-8"):
            return
        time.sleep(0.05)
    raise AssertionError(f"{event} was not logged")


@pytest.mark.parametrize(
    ("number", "code", "again"),
    [(signal.SIGINT, 130, ()), (signal.SIGTERM, 143, ("--changed",))],
    ids=["SIGINT", "SIGTERM"],
)
def test_stopped_run_says_so_in_one_sentence_and_completes_at_the_next_start(
    site: Site, number: signal.Signals, code: int, again: tuple[str, ...]
) -> None:
    site.strike({"erp": ("late_answer:sales_order.create:1:2",)})
    process = site.start("run", BOT, "--changed", "--concurrency", "4")
    wait_for(site, "read_back.absent")
    process.send_signal(number)
    _, told = process.communicate(timeout=60)
    assert process.returncode == code
    assert re.search(rf"^Stopped\. Runs interrupted: \d+; .*: tandem --workspace \S+ run {BOT}$", told, re.MULTILINE), (
        told
    )
    assert "Traceback" not in told

    site.strike({})
    site.run("run", BOT, *again)
    rows = site.json("runs", "list", "--bot", BOT, "--limit", "100")
    created = sum(row["outcome"] == "created" for row in rows)
    assert [row for row in rows if row["status"] != "finished"] == []
    assert (site.live_orders, site.erp["duplicates"]) == (created, {})


def test_same_orders_named_again_after_a_stop_go_on_where_they_stood(site: Site) -> None:
    site.strike({"erp": ("late_answer:sales_order.create:1:2",)})
    orders = [f"{number:08}" for number in range(1, 31)]
    process = site.start("run", BOT, *orders, "--concurrency", "4")
    wait_for(site, "read_back.absent")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    site.strike({})
    site.run("run", BOT, *orders)
    rows = site.json("runs", "list", "--bot", BOT, "--limit", "100")
    assert [row for row in rows if row["status"] != "finished"] == []
    assert site.erp["duplicates"] == {}


def test_second_engine_names_the_first_and_a_killed_one_leaves_the_way_free(site: Site) -> None:
    site.strike({"erp": ("late_answer:any:1:25",)})
    first = site.start("run", BOT, "--changed")
    wait_for(site, "http.called")
    second = site.run("run", BOT)
    assert second.returncode == 2
    assert re.fullmatch(
        rf"Another Tandem process works on .*tandem\.db: process {first.pid}, since \d{{4}}-.*\n", second.stderr
    )
    assert isinstance(site.json("runs", "list"), list)
    assert site.json("tickets", "list") == []
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    site.strike({})
    assert site.run("run", BOT).returncode == 0
