"""The main job: CRM orders into the ERP, every order accounted for, and what goes wrong said in one sentence."""

from collections.abc import Sequence
from pathlib import Path

import httpx
import pytest

from fixtures.retail import RetailOrder, load
from tandem.store import journal
from tandem.workspace.demonstration import staged
from tests import invoices
from tests.e2e.books import orders_in_books
from tests.e2e.conftest import BOT, Site, demonstration
from tests.news import other_news


def test_orders_are_created_refused_or_wait_and_the_crm_is_told(site: Site) -> None:
    told = site.json("run", BOT, "--changed")
    outcomes = told["finished"]
    assert sum(outcomes.values()) == 30
    assert set(outcomes) == {"created", "refused", "waiting"}
    assert site.live_orders == outcomes["created"]
    assert site.erp["duplicates"] == {}
    assert site.crm["Sync_Status__c"] == {
        "已同步": outcomes["created"],
        "同步失败": outcomes["refused"],
        "待补货": outcomes["waiting"],
    }
    for row in told["runs"]:
        result = row["result"]
        assert bool(result["erp_order_id"]) == (row["outcome"] == "created")
        assert bool(result["reason"]) == (row["outcome"] == "refused")
        assert bool(result["missing"]) == (row["outcome"] == "waiting")


def test_second_run_of_the_same_orders_creates_none(site: Site) -> None:
    first = site.json("run", BOT, "--changed")
    batch = site.batch([row["result"]["order_number"] for row in first["runs"]])
    before = site.erp["digest"]
    second = site.json("run", BOT, "--batch", str(batch))
    assert second["finished"].get("created", 0) == 0
    assert second["finished"]["repeated"] == first["finished"]["created"]
    assert site.erp["digest"] == before


def test_same_news_is_not_written_again(site: Site) -> None:
    """A poll finds what we wrote ourselves; writing it anew would go on for ever."""
    first = site.json("run", BOT, "--changed")
    batch = site.batch([row["result"]["order_number"] for row in first["runs"] if row["outcome"] == "refused"])
    again = site.json("run", BOT, "--batch", str(batch))
    assert {row["outcome"] for row in again["runs"]} == {"refused"}
    for row in again["runs"]:
        entries = site.books(lambda books, run_id=row["id"]: journal.load(books, run_id))
        assert not [entry for entry in entries if entry.kind == "attempted"]


def test_store_that_was_lost_makes_no_second_order(site: Site) -> None:
    first = site.json("run", BOT, "--changed")
    for path in (site.folder / "data").glob("tandem.db*"):
        path.unlink()
    batch = site.batch([row["result"]["order_number"] for row in first["runs"]])
    again = site.json("run", BOT, "--batch", str(batch))
    assert again["finished"] == first["finished"]
    assert site.live_orders == first["finished"]["created"]
    assert site.erp["duplicates"] == {}


def test_person_at_a_terminal_of_another_language_tells_nobody_anew(site: Site) -> None:
    first = site.json("run", BOT, "--changed")
    told = site.crm["Task"]
    for path in (site.folder / "data").glob("tandem.db*"):
        path.unlink()
    batch = site.batch([row["result"]["order_number"] for row in first["runs"]])
    again = Site(site.stage, "zh").json("run", BOT, "--batch", str(batch))
    assert again["finished"] == first["finished"]
    assert site.crm["Task"] == told + len(other_news(first, again))


def test_dry_run_shows_the_writes_and_makes_none(site: Site) -> None:
    done = site.run("run", BOT, "00000003", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "sales_order." in done.stdout
    assert "Nothing was written" in done.stdout
    assert site.erp["sales_orders"] == 0
    assert site.crm["Sync_Status__c"] == {"待同步": 30}


def test_wrong_credentials_are_one_ticket_and_no_write(site: Site) -> None:
    (site.folder / "data" / "secrets" / "erp.api.auth.password").write_text("wrong\n", encoding="utf-8")
    told = site.json("run", BOT, "--changed")
    assert told["waiting"] > 0
    listed = site.json("tickets", "list")
    assert [(ticket["kind"], ticket["count"]) for ticket in listed] == [("access_refused", told["waiting"])]
    assert site.erp["sales_orders"] == 0
    assert "wrong" not in (site.folder / "data" / "tandem.log").read_text(encoding="utf-8").replace("wrong_field", "")


def test_crm_order_deleted_between_read_and_write_leaves_no_erp_order(site: Site) -> None:
    """The deletion strikes while the ERP is slow to answer the create."""
    org = _Org(site)
    site.strike({"erp": ("late_answer:sales_order.create:1:2",)})
    process = site.start("run", BOT, org.created_number, "--json")
    org.wait_for_erp_order()
    org.delete(org.created_id)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    assert '"refused": 1' in out
    assert "was cancelled" in out
    assert site.erp["sales_orders"] == 1
    assert site.live_orders == 0


class _Org:
    """A user at the CRM: finds an order that can be created, and deletes it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        sandbox = site.stage.sandboxes["crm"]
        self._url = sandbox.url.rstrip("/")
        block = site.stage.workspace.system("crm").api
        assert block is not None
        auth = block.auth
        secret = (site.folder / auth.client_secret.get_secret_value().removeprefix("file:")).read_text().strip()
        answer = httpx.post(
            f"{self._url}{auth.token_url}", data={"grant_type": "client_credentials"}, auth=(auth.client_id, secret)
        )
        self._headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
        query = (
            "SELECT Id, OrderNumber FROM Order WHERE IsReductionOrder = false "
            "AND Account.ERP_Customer_Code__c != null ORDER BY OrderNumber"
        )
        rows = httpx.get(f"{self._url}/services/data/v66.0/query/", params={"q": query}, headers=self._headers).json()[
            "records"
        ]
        numbers = [row["OrderNumber"] for row in rows]
        done = site.run("run", BOT, *numbers, "--dry-run")
        creatable = [number for number in numbers if f"crm order {number} would end as created" in done.stdout]
        self.created_number = creatable[0]
        self.created_id = next(row["Id"] for row in rows if row["OrderNumber"] == self.created_number)

    def wait_for_erp_order(self) -> None:
        import time

        deadline = time.monotonic() + 60
        while self._site.erp["sales_orders"] == 0:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def delete(self, record_id: str) -> None:
        url = f"{self._url}/services/data/v66.0/sobjects/Order/{record_id}"
        httpx.patch(url, json={"Status": "Draft"}, headers=self._headers).raise_for_status()
        httpx.delete(url, headers=self._headers).raise_for_status()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not invoices.REAL.exists(), reason="the real invoice file is not on this machine")
@pytest.mark.parametrize("count", [500, pytest.param(2342, marks=pytest.mark.nightly)])
def test_real_file_is_accounted_for_to_the_last_invoice(tmp_path: Path, count: int) -> None:
    orders = load(invoices.REAL).orders[:count]
    assert len(orders) == count
    invoices.cut(tmp_path / "invoices.csv", orders)
    with staged(tmp_path / "acme", "en", demonstration(), str(tmp_path / "invoices.csv")) as stage:
        _assert_accounted_for(Site(stage), orders)


def _assert_accounted_for(site: Site, orders: Sequence[RetailOrder]) -> None:
    told = site.json("run", BOT, "--changed", "--concurrency", "16", timeout_s=800)
    outcomes = told["finished"]
    assert sum(outcomes.values()) == len(orders)
    assert set(outcomes) == {"created", "refused", "waiting"}
    assert site.live_orders == outcomes["created"]
    assert site.erp["duplicates"] == {}
    reasons = [row["result"]["reason"] for row in told["runs"] if row["outcome"] == "refused"]
    assert all(reasons)
    reductions = sum(order.number.startswith("C") for order in orders)
    assert sum("is a reduction" in reason for reason in reasons) == reductions > 0

    longest = max(told["runs"], key=lambda row: len(row["result"].get("missing", {})))
    assert longest["outcome"] in outcomes
    sample = [row["result"]["order_number"] for row in told["runs"] if row["outcome"] == "created"][::50]
    stored = orders_in_books(site.stage.workspace, sample)
    assert all(len(found) == 1 for found in stored.values())

    again = site.json("run", BOT, "--changed", "--concurrency", "16", timeout_s=800)
    assert again["finished"].get("created", 0) == 0
    assert (site.folder / "data" / "tandem.log").stat().st_size > 0
