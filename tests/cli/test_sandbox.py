"""``tandem sandbox``: serves until interrupted, and explains what it cannot do."""

import json
import signal
import socket
import subprocess
from pathlib import Path
from urllib.request import urlopen

import pytest

from tandem.workspace.roots import Roots
from tandem.workspace.sandbox import sandboxes
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


def test_help_lists_the_faults(tmp_path: Path) -> None:
    assert "late_commit" in tandem("sandbox", "--help", folder=tmp_path).stdout
