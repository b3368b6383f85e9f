"""Bots whose systems do not fit their roles: what ``check`` refuses starts nothing, and says the same sentence."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem import log
from tandem.cli.program import run
from tandem.workspace import code
from tandem.workspace.founding import found
from tandem.workspace.roots import Roots

BOT = "sales_order_sync"
BOUND = "\n  sales_order_sync: {crm: crm, erp: erp}"
SWAPPED = "\n  sales_order_sync: {crm: erp, erp: crm}"
NIGHTLY = f"schedules:\n  nightly: {{bot: {BOT}, start: changed, cron: '0 2 * * *', time_zone: UTC}}\n"
NOT_A_CRM = "which plays erp, not crm. Bind another system."
STARTING = [
    ("run", BOT, "00000002"),
    ("run", BOT, "00000002", "--dry-run"),
    ("run", BOT),
    ("worker",),
    ("schedules", "fire", "nightly"),
    ("tickets", "retry", "1"),
]


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A valid workspace, and the current folder; nobody answers at the addresses of its systems."""
    folder = tmp_path / "acme"
    found(folder, "en", ["salesforce", "sap_s4hana"])
    with (folder / "tandem.yaml").open("a", encoding="utf-8") as file:
        file.write(NIGHTLY)
    monkeypatch.setenv("TANDEM_LANG", "en")
    monkeypatch.chdir(folder)
    yield folder
    log.configure()
    code.overlay(Roots.of(None))


def replace(folder: Path, *changes: tuple[str, str]) -> None:
    text = (folder / "tandem.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "tandem.yaml").write_text(text, encoding="utf-8")


def refusal(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    """What a command that is refused says."""
    assert run(command) == 2
    told = capsys.readouterr()
    return told.out + told.err


@pytest.mark.parametrize("command", STARTING, ids=" ".join)
def test_swapped_roles_are_refused_before_any_run_is_made(
    acme: Path, command: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    replace(acme, (BOUND, SWAPPED))
    first = refusal(capsys, "check").splitlines()[0]
    assert first.endswith(f": system erp is of vendor sap_s4hana, {NOT_A_CRM}")
    assert refusal(capsys, *command) == f"{first}\n"
    assert not (acme / "data" / "tandem.db").exists()


def test_bot_that_the_workspace_does_not_bind_says_what_is_missing(
    acme: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    replace(acme, (BOUND, " {}"), ("\n  crm:\n", "\n  sales:\n"))
    told = refusal(capsys, "run", BOT, "00000002")
    assert told.endswith(f"bot {BOT} needs a system for its role crm. Add: crm: <system>, one of sales, erp.\n")


def test_namesake_of_a_role_that_does_not_play_it_is_no_binding(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    swap = [("\n  crm:\n", "\n  x:\n"), ("\n  erp:\n", "\n  crm:\n"), ("\n  x:\n", "\n  erp:\n")]
    replace(acme, (BOUND, " {}"), *swap)
    sentence = f"system crm is of vendor sap_s4hana, {NOT_A_CRM}"
    assert sentence in refusal(capsys, "run", BOT, "00000002")
    assert sentence in refusal(capsys, "check")


NO_CHANGES = "does not offer sales_order.changed"
SCREENS = (
    "    vendor: django_crm\n    browser: {url: 'http://127.0.0.1:9/en/123', username: tandem, password: 'env:CRM'}\n"
)


@pytest.fixture
def without_api(acme: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The CRM of the workspace has screens only."""
    text = (acme / "tandem.yaml").read_text(encoding="utf-8")
    before, _, rest = text.partition("  crm:\n")
    after = rest.partition("  erp:\n")[2]
    (acme / "tandem.yaml").write_text(f"{before}  crm:\n{SCREENS}  erp:\n{after}", encoding="utf-8")
    monkeypatch.setenv("CRM", "secret-4711")
    return acme


def test_system_that_does_not_tell_what_changed_is_refused_to_a_poll_alone(
    without_api: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert NO_CHANGES in refusal(capsys, "run", BOT, "--changed")
    told = refusal(capsys, "check")
    assert told.count("sales_order.changed") == 1
    replace(without_api, (NIGHTLY, ""))
    assert run(("check",)) == 0


def test_settings_of_a_vendor_without_an_api_are_checked(without_api: Path, capsys: pytest.CaptureFixture[str]) -> None:
    replace(without_api, (NIGHTLY, ""), (SCREENS, SCREENS + "    settings: {order_stage: [agreement]}\n"))
    assert "order_stage" in refusal(capsys, "check")
