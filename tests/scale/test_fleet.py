"""Real worker processes over the sandboxes: some are killed, some stopped and revived, the server is restarted."""

import signal

import pytest

from tests.postgres import wait_until
from tests.scale.conftest import Fleet

SLOW_WRITES = {"erp": ("late_answer:write:0.5:0.4",), "crm": ("late_answer:write:0.5:0.4",)}
DEADLINE_S = 300.0


def ended(fleet: Fleet) -> bool:
    for number, worker in enumerate(fleet.workers):
        assert worker.poll() in (None, 0, -signal.SIGKILL), fleet.log_of(number).read_text()[-3000:]
    return all(row.status == "finished" for row in fleet.rows())


def assert_books_are_right(fleet: Fleet, count: int) -> None:
    """Counted in the sandbox's own books: nothing twice, nothing lost."""
    fleet.site.strike({})
    rows = fleet.rows()
    assert len(rows) == count
    outcomes = {row.outcome for row in rows}
    assert outcomes <= {"created", "refused", "waiting"}
    created = sum(row.outcome == "created" for row in rows)
    assert created > count // 4
    assert fleet.site.erp["duplicates"] == {}
    assert fleet.site.live_orders == created


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fleet", [("postgresql", 30), ("sqlite", 30)], indirect=True)
def test_worker_carries_out_a_batch_and_leaves_when_told(fleet: Fleet) -> None:
    ids = fleet.poll()
    worker = fleet.start_worker("--concurrency", "8")
    wait_until(lambda: ended(fleet), DEADLINE_S)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(60) == 0, fleet.log_of(0).read_text()
    assert fleet.in_hand() == {}
    assert_books_are_right(fleet, len(ids))
