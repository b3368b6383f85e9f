"""One engine process to one embedded store, guarded by a lock file."""

from pathlib import Path

from filelock import FileLock, Timeout

from tandem.errors import UsageError


class EngineLock:
    """Held while an engine works on the store; the system lets go of it when the process dies, however it dies."""

    def __init__(self, store: Path) -> None:
        self._store = store
        self._lock = FileLock(store.with_name(store.name + ".lock"))

    def acquire(self) -> None:
        """Take the lock at once. Raises UsageError when another process has it."""
        self._store.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UsageError(
                "Another Tandem process works on {store}. Wait until it has ended, or stop it, then try again.",
                store=self._store,
            ) from None

    def release(self) -> None:
        self._lock.release()
