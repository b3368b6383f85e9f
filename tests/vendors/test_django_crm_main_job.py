"""Deals of a real Django-CRM into the SAP sandbox: counted in the books of both, whatever was killed meanwhile."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtures.django_crm import real
from fixtures.retail import generate
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from fixtures.sap_s4hana import sandbox
from tandem.workspace.real import process
from tandem.workspace.real.place import Place
from tandem.workspace.real.server import Standing
from tests.django_crm_site import Site
from tests.install import DJANGO_CRM_DEALS
from tests.news import other_news
from tests.real_servers import INSTALLED

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
BOT = "sales_order_sync"
STATUS = {"created": "已同步", "waiting": "待补货", "refused": "同步失败"}


class SapSite(Site):
    """With the SAP sandbox as ERP."""

    def __init__(self, folder: Path, crm: str, books: Path, erp: str) -> None:
        super().__init__(folder, crm, books, "sap_s4hana", erp)
        self.refer([("customer", key, name.partition(" ")[0]) for key, name in self.companies()])

    @property
    def erp(self) -> dict[str, Any]:
        census: dict[str, Any] = httpx.get(f"{self.erp_url}/_sandbox/census").json()
        return census


@pytest.fixture
def standing(real_server: Callable[[str, str], Standing]) -> Standing:
    return real_server("django_crm", DJANGO_CRM_DEALS)


@pytest.fixture
def site(tmp_path: Path, standing: Standing) -> Iterator[SapSite]:
    yield from _site(tmp_path, str(standing.url), Path(standing.about["database"]))


def _site(folder: Path, url: str, books: Path) -> Iterator[SapSite]:
    app = sandbox.build(generate(int(DJANGO_CRM_DEALS), seed=1), FaultPlan(), sandbox.Switches())
    with serve(app) as erp:
        yield SapSite(folder / "acme", url, books, erp.url)


def _children(parent: int) -> Iterator[int]:
    """All processes below one."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(encoding="utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            yield int(path.parent.name)
            yield from _children(int(path.parent.name))


def test_deals_are_created_wait_or_are_refused_and_the_crm_says_so(site: SapSite) -> None:
    deals = [*site.deals(9), site.walk_in()]
    told = site.json("run", BOT, *deals)
    outcomes = {row["result"]["order_number"]: row for row in told["runs"]}
    assert set(outcomes) == set(deals)
    assert outcomes[deals[-1]]["outcome"] == "refused"
    assert sum(row["outcome"] == "created" for row in outcomes.values()) >= 5
    for deal, row in outcomes.items():
        block = site.described(deal)
        assert block[:2] == ["--- ERP ---", f"Status: {STATUS[row['outcome']]}"]
        assert block[2] == f"Order: {row['result']['erp_order_id'] or ''}"
    assert site.memos(deals) == Counter(deals)
    assert site.erp["sales_orders"] == told["finished"]["created"]
    assert site.erp["duplicates"] == {}
    again = site.json("run", BOT, *deals)
    assert again["finished"].get("created", 0) == 0
    assert site.memos(deals) == Counter([*deals, *other_news(told, again)])
    assert site.erp["sales_orders"] == told["finished"]["created"]


def test_dry_run_shows_the_writes_and_makes_none(site: SapSite) -> None:
    (deal,) = site.deals(1)
    code, out, err = site.run("run", BOT, deal, "--dry-run")
    assert code == 0, err
    assert "sales_order.set_status" in out
    assert site.described(deal) == []
    assert site.erp["sales_orders"] == 0


def test_what_changed_is_not_told_by_this_crm(site: SapSite) -> None:
    code, out, err = site.run("run", BOT, "--changed")
    assert code == 2
    assert "system crm (django_crm) does not offer sales_order.changed. Name the work items" in out + err
    assert "Traceback" not in out + err


@pytest.mark.parametrize("victim", ["bot", "browser"])
def test_kill_in_the_middle_leaves_no_duplicate_and_loses_nothing(site: SapSite, victim: str) -> None:
    deals = site.deals(4)
    started = site.start("run", BOT, *deals, "--json")
    site.wait_for_memo(deals)
    if victim == "bot":
        os.kill(started.pid, signal.SIGKILL)
    else:
        browsers = [pid for pid in _children(started.pid) if "chrom" in Path(f"/proc/{pid}/comm").read_text()]
        assert browsers
        os.kill(browsers[0], signal.SIGKILL)
    started.communicate(timeout=600)
    site.json("run", BOT)
    runs = site.json("runs", "list")
    assert {row["status"] for row in runs} == {"finished"}, runs
    created = [row for row in runs if row["outcome"] == "created"]
    assert len(created) == site.erp["sales_orders"] > 0
    assert site.erp["duplicates"] == {}
    assert site.memos(deals) == Counter(deals)
    assert all(site.described(deal)[1].removeprefix("Status: ") in STATUS.values() for deal in deals)


@pytest.fixture
def broken(tmp_path: Path, standing: Standing) -> Iterator[SapSite]:
    """A server of its own, on which an administrator ran setupdata a second time: every deal save answers 500."""
    assert standing.installed
    installed = INSTALLED / "real" / "django_crm"
    place = Place("django_crm", tmp_path / "server", process.free_port(0))
    place.folder.mkdir()
    (place.folder / "python").symlink_to(installed / "python", target_is_directory=True)
    subprocess.run(["cp", "-r", str(installed / "seeded"), str(place.books)], check=True)
    management = Path(real.__file__).with_name("management.py")
    command = [str(place.python), str(management), str(place.books), "setupdata"]
    assert subprocess.run(command, check=False, capture_output=True).returncode != 0, "its users are there already"
    process.start(place, real.command(place))
    try:
        yield from _site(tmp_path, place.url, real.database(place))
    finally:
        process.stop(place)


def test_crm_that_answers_500_to_every_save_is_a_ticket_and_no_guess(broken: SapSite) -> None:
    (deal,) = broken.deals(1)
    told = broken.json("run", BOT, deal)
    assert told["waiting"] == 1
    (ticket,) = broken.json("tickets", "list")
    assert ticket["operation"] == "sales_order.set_status"
    assert broken.described(deal) == []
    assert broken.memos([deal]) == Counter([deal])
    assert broken.erp["duplicates"] == {}
