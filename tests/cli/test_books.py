"""``runs`` and ``tickets`` over books that hold a run which was healed and now waits for a ticket."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from tandem import log
from tandem.cli.program import run
from tandem.errors import Unavailable
from tandem.store import journal, runs, tickets
from tandem.store.journal import Entry
from tandem.store.opening import open_database
from tandem.store.runs import NewRun
from tandem.store.tickets import Fault, TicketRun
from tandem.workspace.founding import found

AT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
HEALING = {
    "channel": "browser",
    "screen": "sales_order.new",
    "element": "save",
    "candidate": 2,
    "patch": "ab/abc.patch",
}


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    found(tmp_path / "acme", "en")
    monkeypatch.chdir(tmp_path / "acme")
    asyncio.run(_fill(tmp_path / "acme" / "data" / "tandem.db"))
    yield tmp_path / "acme"
    log.configure()


async def _fill(path: Path) -> None:
    database = open_database(path)
    try:
        await database.write(_write)
    finally:
        await database.close()


def _write(books: Connection) -> None:
    runs.add(books, [NewRun("run1", "sales_order_sync", "order 1", "key", {})], AT)
    runs.claim(books, 1, AT)
    for seq in (1, 2):
        journal.append(books, Entry("run1", seq, "erp.sales_order.create", "healed", AT, HEALING), 1)
    error = Unavailable("{system} is down.", system="erp").recorded()
    fault = Fault("channels_exhausted", "erp", "stock.check", "api", None, error)
    number, _ = tickets.open_or_fold(books, fault, TicketRun("run1", "erp.stock.check", True, None), AT)
    runs.wait(books, "run1", 1, wake_at=AT, ticket_id=number)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(list(arguments)) == 0
    return capsys.readouterr().out


def test_healed_run_says_which_element_and_where_the_patch_is(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = told(capsys, "--language", "en", "runs", "show", "run1")
    line = next(line for line in shown.splitlines() if line.startswith("healed"))
    assert "browser, sales_order.new: save" in line
    assert str(Path("evidence") / HEALING["patch"]) in " ".join(shown.split())
    assert json.loads(told(capsys, "runs", "show", "run1", "--json"))["healed"] == [HEALING]


@pytest.mark.parametrize(
    ("arguments", "instants"),
    [
        (["runs", "list"], ["created_at", "wake_at"]),
        (["runs", "show", "run1"], ["created_at", "wake_at", "at"]),
        (["tickets", "list"], ["opened_at", "last_at"]),
        (["tickets", "show", "1"], ["opened_at", "last_at"]),
    ],
)
def test_instants_for_a_machine_are_iso_8601(
    acme: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], instants: list[str]
) -> None:
    found = dict(_pairs(json.loads(told(capsys, *arguments, "--json"))))
    assert {name: found[name] for name in instants} == dict.fromkeys(instants, "2026-03-04T05:06:07+00:00")


def _pairs(data: Any) -> Iterator[tuple[str, object]]:
    """Every name and value in nested data."""
    for value in data if isinstance(data, list) else data.values():
        if isinstance(value, (dict, list)):
            yield from _pairs(value)
    if isinstance(data, dict):
        yield from data.items()


def test_resolving_the_ticket_of_a_read_recommends_the_retry(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--language", "en", "tickets", "resolve", "1"]) == 2
    told = capsys.readouterr().err
    assert "stopped stock.check, which had nothing to write: it can only be retried" in told
    assert "--document" not in told
