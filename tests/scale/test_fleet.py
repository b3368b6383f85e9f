"""Real worker processes over the sandboxes: some are killed, some stopped and revived, the server is restarted."""

import signal
import time
from collections.abc import Callable

import pytest

from tandem.store import journal
from tests.e2e.conftest import BOT
from tests.postgres import Server, wait_until
from tests.scale.conftest import Fleet

SLOW_WRITES = {"erp": ("late_answer:write:0.5:0.4",), "crm": ("late_answer:write:0.5:0.4",)}
WRITE = "erp.sales_order.create"
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


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fleet", [("postgresql", 150)], indirect=True)
def test_dead_and_stopped_workers_are_taken_over_and_the_revived_one_is_fenced(
    fleet: Fleet, tell: Callable[[str], None]
) -> None:
    fleet.site.strike(SLOW_WRITES)
    ids = fleet.poll()
    fleet.schedule()
    killed, stopped, _ = (fleet.start_worker("--concurrency", "4") for _ in range(3))
    wait_until(lambda: ended(fleet) or (len(fleet.in_hand()) == 3 and min(fleet.in_hand().values()) >= 2), DEADLINE_S)

    stopped.send_signal(signal.SIGSTOP)
    killed.kill()
    since_s = time.monotonic()
    left = {pid: fleet.held_by(pid) for pid in (killed.pid, stopped.pid)}
    assert all(left.values()), "each had runs in hand"
    for pid, name in ((killed.pid, "killed"), (stopped.pid, "stopped")):
        wait_until(lambda pid=pid: fleet.are_taken_over(left[pid]), DEADLINE_S)
        tell(f"{len(left[pid])} runs of the {name} worker taken over within {time.monotonic() - since_s:.1f} s")

    stopped.send_signal(signal.SIGCONT)
    wait_until(lambda: ended(fleet), DEADLINE_S)
    wait_until(lambda: left[stopped.pid].keys() <= fleet.fenced_at(1), DEADLINE_S)
    assert_books_are_right(fleet, len(ids))
    wait_until(lambda: len(fleet.beats()[0]) > 3, DEADLINE_S)
    fleet.end()
    fired, linked, made = fleet.beats()
    assert linked == fired, "every instant that started anything started one run"
    assert len(made) == len(fired)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("fleet", [("postgresql", 80)], indirect=True)
def test_server_restarted_in_the_middle_of_a_batch_completes_it(fleet: Fleet, postgresql: Server) -> None:
    fleet.site.strike(SLOW_WRITES)
    ids = fleet.poll()
    for _ in range(2):
        fleet.start_worker("--concurrency", "4")
    for share in (0.1, 0.4):
        wait_until(lambda share=share: fleet.count_finished() >= share * len(ids), DEADLINE_S)
        postgresql.stop("immediate")
        time.sleep(1)
        postgresql.start()
    wait_until(lambda: ended(fleet), DEADLINE_S)
    assert [worker.poll() for worker in fleet.workers] == [None, None]
    assert_books_are_right(fleet, len(ids))


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fleet", [("postgresql", 12)], indirect=True)
def test_worker_without_a_browser_leaves_what_needs_one_to_a_worker_that_has_it(fleet: Fleet) -> None:
    fleet.site.strike({"erp": ("maintenance:api/write:1",)})
    ids = fleet.poll()
    fleet.start_worker("--queues", "api")
    fleet.start_worker("--queues", "browser", "--concurrency", "2")
    wait_until(lambda: ended(fleet), DEADLINE_S)
    created = {row.id for row in fleet.rows() if row.outcome == "created"}
    assert fleet.taken_by(0) >= set(ids)
    assert fleet.taken_by(1) >= created, "and orders it made and took back, as the ERP confirmed too little of them"
    assert not fleet.taken_by(1) >= set(ids)
    assert fleet.site.books(lambda books: journal.channels_of(books, WRITE)) == {"browser": len(created)}
    assert_books_are_right(fleet, len(ids))


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fleet", [("postgresql", 40)], indirect=True)
def test_command_beside_a_worker_tells_of_every_run_it_started(fleet: Fleet) -> None:
    """Whichever of the two carried it out."""
    fleet.start_worker("--concurrency", "4")
    wait_until(lambda: len(fleet.in_hand()) == 1, DEADLINE_S)
    told = fleet.site.json("run", BOT, "--changed", "--concurrency", "2")
    assert sum(told["finished"].values()) == 40
    assert len({row["id"] for row in told["runs"]}) == 40
    listed = fleet.site.json("workers", "list")
    assert [row["alive"] for row in listed["workers"]] == [True]
    assert_books_are_right(fleet, 40)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("fleet", [("sqlite", 30)], indirect=True)
def test_ticket_is_settled_beside_a_worker_that_has_the_embedded_store(fleet: Fleet) -> None:
    fleet.site.strike({"erp": ("expired_token:api/write:1",)})
    ids = fleet.poll()
    worker = fleet.start_worker("--concurrency", "8")
    wait_until(lambda: bool(fleet.site.json("tickets", "list")), DEADLINE_S)
    fleet.site.strike({})
    for ticket in fleet.site.json("tickets", "list"):
        told = fleet.site.run("tickets", "retry", str(ticket["id"]))
        assert told.returncode == 0, told.stderr
        assert f"process {worker.pid}" in told.stdout
    wait_until(lambda: ended(fleet), DEADLINE_S)
    assert_books_are_right(fleet, len(ids))
