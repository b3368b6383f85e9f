"""Logins kept: the browser's storage state (cookies, local storage), sealed, in memory and in a file."""

import json
from pathlib import Path

from playwright.async_api import StorageState

from tandem.errors import StoreError
from tandem.log import event
from tandem.store.whole_file import write_whole
from tandem.vault import Vault


class Session:
    """The login of one user on one system. ``file`` None: kept in memory only."""

    def __init__(self, vault: Vault, file: Path | None, *, system: str, user: str) -> None:
        self._vault = vault
        self._file = file
        self._system = system
        self._purpose = f"browser session of {user} on {system}"
        self._sealed = file.read_bytes() if file is not None and file.exists() else None

    @property
    def state(self) -> StorageState | None:
        """The storage state to start a context with; None when there is no login that can be opened."""
        if self._sealed is None:
            return None
        try:
            opened: StorageState = json.loads(self._vault.unseal(self._sealed, self._purpose))
        except StoreError:
            event("session.unreadable", level="WARNING", system=self._system)
            self._sealed = None
            return None
        return opened

    def keep(self, state: StorageState) -> None:
        """Seal and keep a fresh login; where the file cannot be written, in memory only."""
        self._sealed = self._vault.seal(json.dumps(state).encode(), self._purpose)
        if self._file is None:
            return
        try:
            write_whole(self._file, self._sealed)
        except StoreError as error:
            event("session.not_kept", level="WARNING", system=self._system, why=str(error))
