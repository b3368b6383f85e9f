"""A bot at work from the command line, on two sandboxes over real HTTP."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from fixtures.retail import generate
from fixtures.salesforce import sandbox as crm_sandbox
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from fixtures.sap_s4hana import sandbox as erp_sandbox
from tandem.workspace.founding import found
from tandem.workspace.workspace import Workspace
from tests.cli.test_commands import tandem

ORDERS = 12
RETAIL = generate(ORDERS, seed=1)
BOT = "sales_order_sync"
ALL = [f"{number:08}" for number in range(1, ORDERS + 1)]

IDLE_MANIFEST = "format: 1\nbot: idle\ntitle: {en: Idle, zh: Idle}\nroles: {crm: [sales_order.read]}\n"
IDLE = """\
from tandem.domain.record import Record
from tandem.engine.bot import Changes

class Item(Record):
    order: str

async def process(run): ...

async def poll(run, since):
    return Changes(watermark=await run.now())
"""

TWICE_MANIFEST = IDLE_MANIFEST.replace("idle", "twice").replace("Idle", "Twice")
TWICE = """\
from tandem.domain.record import Record
from tandem.engine.bot import BotResult, Changes

class Item(Record):
    order: str

    @property
    def business_key(self):
        return f"order {self.order}"

async def process(run):
    return BotResult(outcome="done", final=False)

async def poll(run, since):
    found = [("00000001", "changed once")]
    if since is not None:
        found.append(("00000002", "changed later"))
    items, stamps = zip(*found)
    return Changes(items=[Item(order=order) for order in items], stamps=stamps, watermark=await run.now())
"""


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Path]:
    """A workspace whose two systems are running sandboxes."""
    folder = tmp_path / "acme"
    made = found(folder, "en", ["salesforce", "sap_s4hana"])
    with (
        serve(crm_sandbox.build(RETAIL, FaultPlan())) as crm,
        serve(erp_sandbox.build(RETAIL, FaultPlan())) as erp,
    ):
        text = (folder / "tandem.yaml").read_text(encoding="utf-8")
        text = text.replace(made.systems["crm"][1], crm.url).replace(made.systems["erp"][1], erp.url)
        (folder / "tandem.yaml").write_text(text, encoding="utf-8")
        yield folder


def add_bot(folder: Path, name: str, manifest: str, process: str) -> None:
    (folder / "bots" / name).mkdir(parents=True)
    (folder / "bots" / name / "bot.yaml").write_text(manifest, encoding="utf-8")
    (folder / "bots" / name / "process.py").write_text(process, encoding="utf-8")


def test_changed_orders_are_worked_on_once_and_can_be_looked_up(acme: Path) -> None:
    first = json.loads(tandem("run", BOT, "--changed", "--json", folder=acme).stdout)
    assert sum(first["finished"].values()) == ORDERS
    assert first["finished"]["created"] > 0
    again = json.loads(tandem("run", BOT, "--changed", "--json", folder=acme).stdout)
    assert again["finished"].get("created", 0) == 0
    created = next(run for run in first["runs"] if run["outcome"] == "created")
    shown = tandem("runs", "show", created["id"], folder=acme)
    assert shown.returncode == 0
    assert "erp.sales_order.create" in shown.stdout
    assert f"erp_order_id={created['result']['erp_order_id']}" in shown.stdout
    listed = json.loads(tandem("runs", "list", "--json", "--limit", "100", folder=acme).stdout)
    assert created["id"] in [run["id"] for run in listed]


def test_run_that_waits_is_named_also_when_no_item_was_given(acme: Path) -> None:
    with (acme / "tandem.yaml").open("a", encoding="utf-8") as file:
        file.write(f"schedules:\n  daily: {{bot: {BOT}, items: [{{order: '00000002'}}], every: 1d}}\n")
    api = Workspace.load(acme).configuration.systems["erp"].api
    assert api is not None
    httpx.post(f"{api.url}/_sandbox/faults", json={"rules": ["maintenance:any:1"]}).raise_for_status()
    assert tandem("schedules", "fire", "daily", folder=acme).returncode == 0
    done = tandem("run", BOT, "--patience-s", "0", folder=acme)
    heading, row, summary = filter(None, map(str.strip, done.stdout.splitlines()))
    assert heading.split() == ["run", "work", "item", "not", "ended"]
    assert "crm order 00000002" in row
    assert summary == "no run ended; 1 not ended yet."


def test_batch_file_runs_its_orders_and_no_others(acme: Path) -> None:
    (acme / "orders.csv").write_text("order\n00000001\n00000002\n", encoding="utf-8")
    done = json.loads(tandem("run", BOT, "--batch", "orders.csv", "--json", folder=acme).stdout)
    assert sorted(run["business_key"] for run in done["runs"]) == ["crm order 00000001", "crm order 00000002"]


def test_batch_file_with_wrong_columns_starts_nothing(acme: Path) -> None:
    (acme / "orders.csv").write_text("ordre\n00000001\n", encoding="utf-8")
    done = tandem("run", BOT, "--batch", "orders.csv", folder=acme)
    assert (done.returncode, "Valid columns: order. Did you mean order?" in done.stderr) == (2, True)
    assert json.loads(tandem("runs", "list", "--json", folder=acme).stdout) == []


def test_dry_run_shows_the_writes_and_leaves_no_run(acme: Path) -> None:
    done = tandem("run", BOT, *ALL, "--dry-run", folder=acme)
    assert done.returncode == 0
    assert "sales_order.create on erp by api → browser → desktop" in done.stdout
    assert "external_reference" in done.stdout
    assert json.loads(tandem("runs", "list", "--json", folder=acme).stdout) == []


def dry_run(folder: Path, *items: str) -> dict[str, dict[str, Any]]:
    """What a dry run says of each order."""
    told = json.loads(tandem("run", BOT, *items, "--dry-run", "--json", folder=folder).stdout)
    return {each["business_key"]: each for each in told["previews"]}


def test_dry_run_gives_the_result_that_the_run_gives(acme: Path) -> None:
    before = dry_run(acme, *ALL)
    ended = {
        each["business_key"]: each
        for each in json.loads(tandem("run", BOT, *ALL, "--json", folder=acme).stdout)["runs"]
    }
    after = dry_run(acme, *ALL)
    assert {run["outcome"] for run in ended.values()} >= {"created", "refused"}
    for key, run in ended.items():
        if run["outcome"] == "created":
            assert (before[key]["outcome"], after[key]["outcome"]) == ("created", "repeated")
            assert (after[key]["result"], after[key]["writes"]) == ({"same_as": run["id"]}, [])
        if run["outcome"] == "refused":
            assert before[key]["result"] == after[key]["result"] == run["result"]
            assert run["result"]["reason"]
        if run["outcome"] == "waiting":
            assert after[key]["result"] == run["result"]
            assert run["result"]["missing"]


def test_dry_run_tells_the_reason_of_a_refusal_to_people_too(acme: Path) -> None:
    (key, refused), *_ = [item for item in dry_run(acme, *ALL).items() if item[1]["outcome"] == "refused"]
    done = tandem("run", BOT, key.removeprefix("crm order "), "--dry-run", folder=acme)
    assert f"{key} would end as refused. Nothing was written.\n" in done.stdout
    assert f"reason={refused['result']['reason']}\n" in done.stdout


def test_dry_run_without_work_items_is_refused_in_one_sentence(acme: Path) -> None:
    done = tandem("run", BOT, "--dry-run", folder=acme)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"A dry run of bot {BOT} needs work items: name them, or give --batch FILE or ")


def test_dry_run_shows_no_change_that_was_taken_in_before(acme: Path) -> None:
    add_bot(acme, "twice", TWICE_MANIFEST, TWICE)
    assert json.loads(tandem("run", "twice", "--changed", "--json", folder=acme).stdout)["finished"] == {"done": 1}
    done = json.loads(tandem("run", "twice", "--changed", "--dry-run", "--json", folder=acme).stdout)
    assert [each["business_key"] for each in done["previews"]] == ["order 00000002"]


def test_dry_run_says_that_nothing_has_changed(acme: Path) -> None:
    add_bot(acme, "idle", IDLE_MANIFEST, IDLE)
    done = tandem("run", "idle", "--changed", "--dry-run", folder=acme)
    assert (done.returncode, done.stdout) == (0, "Nothing has changed for bot idle since the last time.\n")


def test_attended_run_without_a_terminal_is_refused(acme: Path) -> None:
    done = tandem("run", BOT, "00000001", "--attended", folder=acme)
    assert (done.returncode, "Nobody is at this terminal" in done.stderr) == (2, True)


def test_items_and_a_batch_file_exclude_each_other(acme: Path) -> None:
    done = tandem("run", BOT, "00000001", "--changed", folder=acme)
    assert (done.returncode, done.stderr) == (2, "items, --changed exclude each other. Give one of them.\n")
