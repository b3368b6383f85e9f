"""``schedules:`` of tandem.yaml: read, checked, listed and fired."""

import json
from pathlib import Path

import pytest

from tandem.cli.program import run
from tandem.workspace.check import check
from tandem.workspace.triggers import schedules
from tandem.workspace.workspace import Workspace
from tests.workspace.conftest import acme

__all__ = ["acme"]

NIGHTLY = "  nightly: {bot: credit_check, items: [{customer: C1}], cron: 0 2 * * *, time_zone: Asia/Shanghai"


def with_schedule(folder: Path, line: str) -> None:
    path = folder / "tandem.yaml"
    path.write_text(path.read_text(encoding="utf-8") + f"schedules:\n{line}\n", encoding="utf-8")


def told(folder: Path) -> list[str]:
    start = f"{folder.resolve()}/tandem.yaml:"
    return [str(error).removeprefix(start) for error in check(folder).mistakes if str(error).startswith(start)]


def test_valid_schedule_has_no_mistake(acme: Path) -> None:
    with_schedule(acme, NIGHTLY + ", days: working, calendar: weekdays, misfire: run_once, misfire_grace: 6h}")
    assert told(acme) == []
    schedule = schedules(Workspace.load(acme))["nightly"]
    assert schedule.when == "0 2 * * * Asia/Shanghai weekdays"


@pytest.mark.parametrize("length", ["10s", "90s", "5m", "36h", "2d"])
def test_interval_is_shown_as_it_was_written(length: str, acme: Path) -> None:
    with_schedule(acme, f"  often: {{bot: credit_check, items: [{{customer: C1}}], every: {length}}}")
    assert schedules(Workspace.load(acme))["often"].when == f"every {length} UTC"


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (
            "  a: {bot: credit_check, start: changed, every: 30s}",
            "9: start is changed, but bot credit_check has no poll",
        ),
        ("  a: {bot: credit_chek, items: [], every: 30s}", "9: schedules.a: give either start: changed or items."),
        (NIGHTLY.replace("_check", "_chek") + "}", "9: there is no bot credit_chek. Valid: credit_check"),
        (NIGHTLY.replace("0 2 *", "0 25 *") + "}", "9: schedules.nightly.cron: '0 25 * * *' is no cron expression"),
        (NIGHTLY.replace("0 2 *", "0 0 2 *") + "}", "9: schedules.nightly.cron: '0 0 2 * * *' has 6 fields, not the"),
        (
            NIGHTLY.replace("Shanghai", "Shangai") + "}",
            "9: schedules.nightly.time_zone: 'Asia/Shangai' is no time zone",
        ),
        (NIGHTLY + ", calendar: chyna}", "9: there is no calendar chyna. Valid: weekdays, china. Did you mean china?"),
        (
            NIGHTLY + ", misfire: later}",
            "9: schedules.nightly.misfire is 'later'. Valid values: skip, run_once, run_all",
        ),
        (NIGHTLY + ", misfire_grace: 6}", "9: schedules.nightly.misfire_grace: 6 is no length of time such as 30s, 5m"),
        (NIGHTLY + ", every: 5m}", "9: schedules.nightly: give either cron or every."),
        (
            NIGHTLY.replace("* * *", "* * 6") + ", days: working}",
            "9: this schedule is never due: no day fits both 0 2 *",
        ),
        (NIGHTLY.replace("customer:", "custmer:") + "}", "9: no work item of the bot: "),
        (
            NIGHTLY.replace("C1", "'{day}'") + "}",
            "9: schedules.nightly.items.0.customer: '{day}' has a placeholder other than {due_on}.",
        ),
    ],
)
def test_mistake_in_a_schedule_is_told_with_line_and_valid_values(line: str, sentence: str, acme: Path) -> None:
    with_schedule(acme, line)
    assert any(found.startswith(sentence) for found in told(acme)), told(acme)


def test_schedules_are_listed_with_what_is_due_next_and_fired_by_hand(
    acme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with_schedule(acme, NIGHTLY + "}")
    assert run(["--workspace", str(acme), "schedules", "list", "--next", "2", "--json"]) == 0
    (listed,) = json.loads(capsys.readouterr().out)
    assert [at[11:] for at in listed["next"]] == ["02:00:00+08:00"] * 2
    assert listed["last"] is None
    assert run(["--workspace", str(acme), "schedules", "fire", "nightly", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["runs"]) == 1
    assert run(["--workspace", str(acme), "schedules", "fire", "nightly"]) == 2
    assert "1 runs of its last firing are under way" in capsys.readouterr().err
    assert run(["--workspace", str(acme), "schedules", "list"]) == 0
    assert "started: 1 ready" in capsys.readouterr().out


def test_schedule_nobody_has_is_refused_with_those_there_are(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with_schedule(acme, NIGHTLY + "}")
    assert run(["--workspace", str(acme), "schedules", "fire", "nigthly"]) == 2
    assert "Schedules: nightly. Did you mean nightly?" in capsys.readouterr().err
