"""Where a real server lives: a folder of the workspace's data, and what stands in it."""

import fcntl
import json
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.errors import UsageError
from tandem.log import scrub
from tandem.store.whole_file import write_whole

_STATE, _AT_WORK = "state.json", "at_work"


@dataclass(frozen=True)
class Place:
    """The folder of one vendor's server. ``port``: where it listens, or is to listen, on 127.0.0.1."""

    vendor: str
    folder: Path
    port: int = 0

    @property
    def python(self) -> Path:
        """The Python of the server's own environment."""
        return self.folder / "python" / "bin" / "python"

    @property
    def packages(self) -> Path:
        """What npm installed."""
        return self.folder / "npm" / "node_modules"

    @property
    def client(self) -> Path:
        """The environment of the desktop client."""
        return self.folder / "client"

    @property
    def books(self) -> Path:
        """The folder of the database; copied as a whole when the books are to be fresh."""
        return self.folder / "books"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(
        self,
        command: Sequence[str | Path],
        *,
        told: str | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> str:
        """What a command of the installation prints; ``told`` is its input. Raises UsageError with its last line.

        It ends with us; where we are killed it goes on, and the place is at work until it has ended.
        """
        words = [str(word) for word in command]
        with (self.folder / _AT_WORK).open("wb") as at_work:
            fcntl.flock(at_work, fcntl.LOCK_SH)
            done = _completed(words, folder or self.folder, environment, told or "", at_work.fileno())
        if done.returncode:
            lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
            self.log.write_text(f"{' '.join(words)}\n{done.stdout}\n{done.stderr}", encoding="utf-8")
            raise UsageError(
                "{command} failed: {said}. All it said stands in {log}.",
                command=Path(words[0]).name if len(words) < 3 else " ".join([Path(words[0]).name, *words[1:3]]),
                said=scrub(lines[-1].strip().rstrip(".")) if lines else f"exit code {done.returncode}",
                log=self.log,
            )
        return done.stdout

    def is_at_work(self) -> bool:
        """Whether a command of the installation still runs; one may have outlived the Tandem that started it."""
        with (self.folder / _AT_WORK).open("wb") as at_work:
            try:
                fcntl.flock(at_work, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def state(self) -> dict[str, Any]:
        """What was noted of the installation and of the process; empty before the first start."""
        try:
            noted: dict[str, Any] = json.loads((self.folder / _STATE).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return {}
        return noted

    def note(self, **changes: object) -> None:
        """Add to what is noted."""
        whole = json.dumps(self.state() | changes, indent=2, sort_keys=True)
        write_whole(self.folder / _STATE, whole.encode())


def _completed(
    words: list[str], folder: Path, environment: Mapping[str, str] | None, told: str, held: int
) -> "subprocess.CompletedProcess[str]":
    """The command at its end; interrupted, it ends with all it started. ``held``: a file that it keeps open."""
    process = subprocess.Popen(
        words,
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        pass_fds=(held,),
        start_new_session=True,
    )
    with process:
        try:
            said, complained = process.communicate(told)
        except BaseException:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(words, process.returncode, said, complained)
