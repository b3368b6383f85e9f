"""One engine process to one embedded store, guarded by a lock file."""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from tandem.errors import StoreBusy
from tandem.store.sqlite import not_opened


class EngineLock:
    """Held while an engine works on the store; the system lets go of it when the process dies, however it dies."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._lock = FileLock(store.with_name(store.name + ".lock"))
        self._note = store.with_name(store.name + ".holder")

    def acquire(self) -> None:
        """Take the lock at once. Raises StoreBusy when another process has it, StoreError."""
        try:
            self._store.parent.mkdir(parents=True, exist_ok=True)
            self._lock.acquire(timeout=0)
        except Timeout:
            pid, since = self._holder()
            raise StoreBusy(
                "Another Tandem process works on {store}: process {pid}, since {since}. Wait until it has ended, or "
                "stop it, then try again.",
                store=self._store,
                pid=pid,
                since=since,
            ) from None
        except OSError as error:
            raise not_opened(self._store, error) from None
        now = datetime.now().astimezone().isoformat(sep=" ", timespec="seconds")
        with suppress(OSError):
            self._note.write_text(f"{os.getpid()} {now}\n", encoding="utf-8")

    def _holder(self) -> tuple[str, str]:
        """The process that has the lock and since when; question marks in the moment before it has noted them."""
        try:
            pid, since = self._note.read_text(encoding="utf-8").strip().split(" ", 1)
        except (OSError, ValueError):
            return "?", "?"
        return pid, since

    def release(self) -> None:
        self._note.unlink(missing_ok=True)
        self._lock.release()
