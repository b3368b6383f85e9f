"""``tandem prune`` over books that are large enough to be stopped in the middle."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tandem import log
from tandem.cli.program import run
from tandem.store.opening import open_database
from tandem.workspace.founding import found

RUNS = 6000


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    found(tmp_path / "acme", "en")
    monkeypatch.chdir(tmp_path / "acme")
    asyncio.run(open_database(store(tmp_path / "acme")).close())
    with closing(books(tmp_path / "acme")) as connection:
        connection.executemany(
            "INSERT INTO runs (id, bot, business_key, dedupe_key, mode, status, outcome, input, epoch, created_at, "
            "finished_at) VALUES (?, 'order', ?, ?, 'unattended', 'finished', 'created', '{}', 1, 0, 1)",
            [(f"{number:026}", f"order {number}", f"order|{number}|v1") for number in range(RUNS)],
        )
        connection.executemany(
            "INSERT INTO journal (run_id, seq, step, kind, at, body) VALUES (?, ?, 'step', 'ended', 0, '{}')",
            [(f"{number:026}", seq) for number in range(RUNS) for seq in range(1, 4)],
        )
        connection.commit()
    yield tmp_path / "acme"
    log.configure()


def store(folder: Path) -> Path:
    return folder / "data" / "tandem.db"


def books(folder: Path) -> sqlite3.Connection:
    return sqlite3.connect(store(folder), timeout=30)


def counted(folder: Path) -> dict[str, int]:
    """Rows of each table, in one look."""
    tables = ("runs", "journal", "pruned_keys")
    query = "SELECT " + ", ".join(f"(SELECT count(*) FROM {table})" for table in tables)
    with closing(books(folder)) as connection:
        return dict(zip(tables, connection.execute(query).fetchone(), strict=True))


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(["--language", "en", *arguments]) == 0
    return capsys.readouterr().out


def test_dry_run_counts_and_deletes_nothing(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "prune", "--older-than", "90d", "--dry-run").startswith(
        f"Would go: finished runs: {RUNS}, evidence files: 0"
    )
    assert counted(acme) == {"runs": RUNS, "journal": 3 * RUNS, "pruned_keys": 0}


def test_what_went_is_told_to_a_machine(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(told(capsys, "prune", "--older-than", "90d", "--json"))["runs"] == RUNS
    assert counted(acme) == {"runs": 0, "journal": 0, "pruned_keys": RUNS}
    assert json.loads(told(capsys, "prune", "--older-than", "90d", "--json"))["runs"] == 0


@pytest.mark.parametrize("age", ["90", "0d", "d", "-1d", "3 months", "100000d"])
def test_age_that_is_no_number_of_days_is_refused(acme: Path, capsys: pytest.CaptureFixture[str], age: str) -> None:
    assert run(["--language", "en", "prune", f"--older-than={age}"]) == 2
    assert capsys.readouterr().err == (
        f"--older-than {age} is no number of days. Give one from 1d to 99999d, such as 90d.\n"
    )
    assert counted(acme)["runs"] == RUNS


def test_prune_that_is_killed_leaves_whole_runs_and_goes_on_next_time(
    acme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = subprocess.Popen([sys.executable, "-m", "tandem", "prune", "--older-than", "90d", "--json"])
    while counted(acme)["runs"] == RUNS and process.poll() is None:
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    left = counted(acme)
    assert 0 < left["runs"] < RUNS
    assert left["journal"] == 3 * left["runs"]
    assert left["pruned_keys"] == RUNS - left["runs"]
    assert json.loads(told(capsys, "prune", "--older-than", "90d", "--json"))["runs"] == left["runs"]
    assert counted(acme) == {"runs": 0, "journal": 0, "pruned_keys": RUNS}
