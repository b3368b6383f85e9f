"""``tandem real``: what it says of servers that are not there; a server itself is run by the vendors' tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import httpx
import pytest

from tandem.errors import UsageError
from tandem.workspace.founding import found
from tandem.workspace.real import process, real_servers
from tandem.workspace.real.place import Place
from tandem.workspace.real.server import Books, down, status, up
from tandem.workspace.roots import Roots
from tandem.workspace.sandbox import sandboxes
from tests.cli.test_commands import tandem

VENDORS = real_servers(Roots.of(None))
VENDOR = VENDORS[0]
WITH_NPM = next(vendor for vendor in VENDORS if import_module(f"fixtures.{vendor}.real").PACKAGES is not None)


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    return found(tmp_path / "acme", "en").folder


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A server of no vendor, that answers every request and starts a process of its own."""
    return Place("acme_erp", tmp_path, process.free_port(0))


def command(place: Place) -> list[str]:
    serving = f"h.HTTPServer(('127.0.0.1', {place.port}), h.SimpleHTTPRequestHandler).serve_forever()"
    program = f"import http.server as h; {serving}"
    return ["sh", "-c", f'python3 -c "{program}" & wait']


def test_vendor_without_a_real_server_is_one_sentence(workspace: Path) -> None:
    done = tandem("real", "up", f"{VENDOR}x", folder=workspace)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert f"Real servers: {VENDOR}" in done.stderr


def test_port_in_use_is_told_before_anything_is_installed(workspace: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"Port {port} of 127.0.0.1 is in use"):
            up(VENDOR, workspace / "data", Books("5", 1), port, Roots.of(None), lambda step: None)
    assert not (workspace / "data" / "real" / VENDOR / "python").exists()


def test_machine_without_npm_is_told_how_to_get_it(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(workspace))
    with pytest.raises(UsageError, match="apt-get install npm"):
        up(WITH_NPM, workspace / "data", Books("5", 1), 0, Roots.of(None), lambda step: None)


def test_books_of_other_data_are_not_lost_without_a_word(tmp_path: Path) -> None:
    place = Place("acme_erp", tmp_path)
    assert not Books().fits(place)
    place.note(books=Books("20", seed=3).digest())
    assert Books().fits(place)
    assert Books("20", seed=3).fits(place)
    assert not Books("21", seed=3).fits(place)


def test_fresh_books_are_made_anew_when_the_making_has_changed(tmp_path: Path) -> None:
    place = Place("acme_erp", tmp_path)
    place.note(books=Books("20").digest(), making="before")
    assert Books("20", fresh=True).are_kept(place, "before")
    assert not Books("20", fresh=True).are_kept(place, "now")
    assert Books("20").are_kept(place, "now")
    assert Books(fresh=True).are_kept(place, "now"), "these data are not known any more"


def test_server_that_was_never_started_is_stopped_and_not_installed(workspace: Path) -> None:
    done = tandem("real", "status", VENDOR, "--json", folder=workspace)
    told = json.loads(done.stdout)
    assert (done.returncode, told["running"], told["installed"]) == (1, False, False)
    assert down(VENDOR, workspace / "data", Roots.of(None)) is False
    assert status(VENDOR, workspace / "data", Roots.of(None)).pid is None


def test_started_server_answers_and_is_ended_with_all_it_started(place: Place) -> None:
    process.start(place, command(place))
    assert process.is_running(place)
    assert process.answers(place)
    assert process.stop(place)
    assert not process.is_running(place)
    with pytest.raises(httpx.ConnectError):
        httpx.get(place.url)


def test_server_killed_by_somebody_else_does_not_count_as_running(place: Place) -> None:
    pid = process.start(place, command(place))
    os.killpg(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert not process.is_running(place)
    assert process.stop(place) is False


def test_server_that_ends_at_once_is_one_sentence_with_the_log(place: Place) -> None:
    with pytest.raises(UsageError, match=r"did not start.*server\.log"):
        process.start(place, ["sh", "-c", "exit 3"])
    assert not process.is_running(place)


def _await(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_interrupted_command_of_an_installation_ends_with_all_it_started(tmp_path: Path) -> None:
    program = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "  # as at a terminal
    program += "from pathlib import Path; from tandem.workspace.real.place import Place; "
    program += f"Place({VENDOR!r}, Path({str(tmp_path)!r})).run(['sh', '-c', 'sleep 60 & echo $! > pid; wait'])"
    installing = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.DEVNULL)
    pid = tmp_path / "pid"
    _await(lambda: pid.exists() and pid.read_text().strip())
    installing.send_signal(signal.SIGINT)
    installing.wait(30)
    _await(lambda: not Path(f"/proc/{pid.read_text().strip()}").exists())


def test_place_stays_occupied_while_a_command_of_a_killed_installation_runs(workspace: Path) -> None:
    folder = workspace / "data" / "real" / VENDOR
    folder.mkdir(parents=True)
    program = "from pathlib import Path; from tandem.workspace.real.place import Place; "
    program += f"Place({VENDOR!r}, Path({str(folder)!r})).run(['sh', '-c', 'echo $$ > pid; exec sleep 60'])"
    installing = subprocess.Popen([sys.executable, "-c", program])
    pid = folder / "pid"
    _await(lambda: pid.exists() and pid.read_text().strip())
    installing.kill()
    installing.wait()
    with pytest.raises(UsageError, match="left its installation"):
        down(VENDOR, workspace / "data", Roots.of(None))
    os.kill(int(pid.read_text()), signal.SIGKILL)
    _await(lambda: not Place(VENDOR, folder).is_at_work())
    assert down(VENDOR, workspace / "data", Roots.of(None)) is False


def test_server_whose_first_thread_has_ended_runs_until_its_last_one_has(place: Place) -> None:
    """Its port can be had again only then."""
    program = "import ctypes, threading, time; threading.Thread(target=time.sleep, args=(60,)).start(); "
    program += "ctypes.CDLL(None).pthread_exit(None)"
    server = subprocess.Popen([sys.executable, "-c", program])
    stat = Path(f"/proc/{server.pid}/stat")
    _await(lambda: stat.read_text().rpartition(")")[2].split()[0] == "Z")
    place.note(pid=server.pid, born=stat.read_text().rpartition(")")[2].split()[19])
    assert process.is_running(place)
    server.kill()
    server.wait()
    assert not process.is_running(place)


def test_place_that_is_a_file_is_one_sentence(workspace: Path) -> None:
    (workspace / "data" / "real").write_text("")
    done = tandem("real", "status", VENDOR, folder=workspace)
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert "data/real" in done.stderr
    assert "cannot be used: Not a directory" in done.stderr


def test_workspace_of_a_vendor_with_a_real_server_only_is_told_how_to_start_it(tmp_path: Path) -> None:
    only_real = next(vendor for vendor in VENDORS if vendor not in sandboxes(Roots.of(None)))
    done = tandem("init", "acme", "--vendor", only_real, folder=tmp_path)
    assert f"tandem --workspace acme real up {only_real} --port " in done.stdout
