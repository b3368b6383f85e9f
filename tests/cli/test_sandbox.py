"""``tandem sandbox``: serves until interrupted, and explains what it cannot do."""

import json
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.request import urlopen

import httpx
import pytest

from tandem.errors import UsageError
from tandem.workspace import code
from tandem.workspace.founding import found
from tandem.workspace.roots import Roots
from tandem.workspace.sandbox import sandboxes, switches_of
from tests.cli.test_commands import TANDEM, tandem

VENDOR = sandboxes(Roots.of(None))[0]


def test_sandbox_announces_itself_serves_and_ends_on_interrupt(tmp_path: Path) -> None:
    command = [TANDEM, "sandbox", VENDOR, "--orders", "5", "--fault", "throttle:read:x1"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        with urlopen(f"{ready['url']}/_sandbox/faults") as answer:
            rules = json.load(answer)["rules"]
        process.send_signal(signal.SIGINT)
        code = process.wait(20)
    assert ready["vendor"] == VENDOR
    assert ready["credentials"]
    assert len(rules) == 1
    assert code in (0, 130)


def test_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = tandem("sandbox", VENDOR, "--orders", 2, "--port", taken.getsockname()[1], folder=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--fault", "lost:any:1"], "unknown kind 'lost'; valid kinds: refuse,"),
        (["--orders", "nowhere.csv"], "nowhere.csv"),
        (["--switch", "nothing=1"], "There is no switch nothing. Switches: "),
    ],
)
def test_wrong_option_is_one_sentence(arguments: list[str], sentence: str, tmp_path: Path) -> None:
    done = tandem("sandbox", VENDOR, *arguments, folder=tmp_path)
    assert (done.returncode, sentence in done.stderr, len(done.stderr.splitlines())) == (2, True, 1), done.stderr


@dataclass(frozen=True)
class Switches:
    """One switch of every type."""

    edition: Literal["onprem", "cloud"] = "onprem"
    status: Literal[200, 403] = 200
    pages: int = 0
    lag_s: float = 0
    strict: bool = True
    extra: str = ""
    frozen: tuple[str, ...] = ()


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("edition=cloud", "cloud"),
        ("status=403", 403),
        ("pages=7", 7),
        ("lag_s=0.5", 0.5),
        ("strict=false", False),
        ("extra=5", "5"),
        ("frozen=A,B", ("A", "B")),
    ],
)
def test_switch_is_of_the_type_it_is_declared_with(word: str, value: object) -> None:
    assert getattr(switches_of(Switches, [word]), word.partition("=")[0]) == value


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("edition=clod", "Switch edition is clod. Valid values: onprem, cloud. Did you mean cloud?"),
        ("status=404", "Switch status is 404. Valid values: 200, 403. Did you mean 403?"),
        ("strict=maybe", "Switch strict is maybe. Valid values: true, false."),
        ("pages=some", "Switch pages is some: it must be a whole number"),
        ("lag_s=", "Switch lag_s is empty: it must be a number"),
    ],
)
def test_wrong_value_of_a_switch_is_told_with_the_valid_ones(word: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        switches_of(Switches, [word])
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize("vendor", sandboxes(Roots.of(None)))
def test_every_switch_takes_its_own_default(vendor: str) -> None:
    module = code.module("fixtures", vendor, "sandbox")
    assert module is not None
    defaults = module.Switches()
    given = {name: getattr(defaults, name) for name in defaults.__dataclass_fields__}
    words = [f"{name}={_written(value)}" for name, value in given.items()]
    assert switches_of(module.Switches, words) == defaults


def _written(value: object) -> str:
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_new_vendor_shows_the_faults_asked_for(tmp_path: Path) -> None:
    found(tmp_path / "acme", "en")
    made = tandem("new", "vendor", "acme_erp", folder=tmp_path / "acme")
    assert f"{sys.executable} -m pytest" in made.stdout
    command = [TANDEM, "sandbox", "acme_erp", "--orders", "5", "--fault", "throttle:business_partner.find:x1"]
    with subprocess.Popen(command, cwd=tmp_path / "acme", stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        statuses = [httpx.get(f"{url}/business-partners/none").status_code for _ in range(2)]
        census = httpx.get(f"{url}/_sandbox/census").json()
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert statuses == [429, 404]
    assert census["customers"] > 0


def test_help_lists_the_faults(tmp_path: Path) -> None:
    assert "late_commit" in tandem("sandbox", "--help", folder=tmp_path).stdout
