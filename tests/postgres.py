"""A real PostgreSQL server in a temporary folder: Debian's binaries, a free port on loopback, the disk waited for."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

USER = "tandem"
LOCKED_USER, PASSWORD = "locked", "correct horse battery"
_START_S = 60.0
_LOGINS = f"host all {LOCKED_USER} all scram-sha-256\nhost all all all trust\n"
"""Who may come in: that one user with a password, everybody else without."""


def binaries() -> Path | None:
    """The folder of the newest server's programs; None when there is no server on this machine."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    program = shutil.which("postgres")
    return None if program is None else Path(program).parent


class Server:
    """One cluster. It refuses to run as root, so root runs it as an unprivileged user."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self._programs, self._data, self._log = programs, folder / "data", folder / "server.log"
        self._account = next((name for name in ("postgres", "nobody") if _is_user(name)), None)
        if os.geteuid() == 0 and self._account:
            shutil.chown(folder, self._account)
        self.port = _free_port()
        self._run("initdb", "--auth=trust", f"--username={USER}", "--encoding=UTF8", f"--pgdata={self._data}")
        settings = (
            "listen_addresses = '127.0.0.1'",
            f"port = {self.port}",
            f"unix_socket_directories = '{folder}'",
            "max_connections = 200",
            "recovery_init_sync_method = syncfs",  # else a start after a crash waits for each file of each database
            "logging_collector = off",
        )
        self._write("postgresql.conf", "\n".join(settings) + "\n", append=True)
        self._write("pg_hba.conf", _LOGINS)

    def start(self) -> None:
        self._run("pg_ctl", "start", "--wait", "--timeout=300", f"--pgdata={self._data}", f"--log={self._log}")

    def stop(self, mode: str = "fast") -> None:
        """``immediate``: as if the power went; the next start recovers from the log."""
        self._run("pg_ctl", "stop", "--wait", f"--mode={mode}", f"--pgdata={self._data}")

    def create(self, database: str) -> str:
        """A new, empty database; its URL."""
        self.sql(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def url(self, database: str, user: str = USER) -> str:
        return f"postgresql://{user}@127.0.0.1:{self.port}/{database}"

    def sql(self, statement: str, database: str = "postgres") -> str:
        """What psql prints of one statement."""
        return self._run(
            "psql", "--quiet", "--no-align", "--tuples-only", f"--command={statement}", self.url(database)
        ).strip()

    def _write(self, name: str, text: str, *, append: bool = False) -> None:
        self._run("sh", "-c", f'cat {">>" if append else ">"} "$0"', str(self._data / name), given=text)

    def _run(self, program: str, *arguments: str, given: str = "") -> str:
        path = self._programs / program
        command = [str(path) if path.exists() else program, *arguments]
        done = subprocess.run(
            [*self._as_account(), *command],
            input=given,
            stdout=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,  # the server would keep a pipe open
            stderr=subprocess.DEVNULL if program == "pg_ctl" else subprocess.PIPE,
            text=True,
            timeout=_START_S,
            cwd="/",
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
        if done.returncode != 0:
            raise RuntimeError(f"{command} ended with {done.returncode}: {done.stderr}")
        return done.stdout or ""

    def _as_account(self) -> Sequence[str]:
        return ("runuser", "-u", str(self._account), "--") if os.geteuid() == 0 else ()


@contextmanager
def running_server(programs: Path) -> Iterator[Server]:
    """A server that is running, in a folder that its user may reach."""
    with tempfile.TemporaryDirectory(prefix="tandem-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Server(folder, programs)
        server.start()
        server.sql(f"CREATE ROLE {LOCKED_USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'")
        try:
            yield server
        finally:
            server.stop("immediate")


def wait_until(condition: object, deadline_s: float = 60.0) -> None:
    """Until the condition, a function, is true. Raises AssertionError when it never is."""
    assert callable(condition)
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "the deadline has passed"
        time.sleep(0.2)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
