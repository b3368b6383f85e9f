"""The refresh token a vendor gave last, kept for the next process and shared with those beside it."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import SecretStr

from tandem.errors import StoreError
from tandem.log import event, register_secret
from tandem.store.whole_file import write_whole
from tandem.vault import Vault

_POLL_S = 0.05


class KeptRefreshToken:
    """Sealed in ``file``, until ``given`` (of tandem.yaml) is another than the one it descends from.

    For the processes of one machine. Where the file cannot be read or written, the token is kept in memory only.
    """

    def __init__(self, vault: Vault, file: Path, *, system: str, given: SecretStr) -> None:
        self._vault = vault
        self._file = file
        self._system = system
        self._given = given
        self._purpose = f"refresh token of {system}"
        self._unkept: SecretStr | None = None

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        lock = FileLock(f"{self._file}.lock", thread_local=False)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            await _acquired(lock)
        except OSError as error:
            event("refresh_token.not_locked", level="WARNING", system=self._system, why=error.strerror)
        try:
            yield
        finally:
            lock.release()

    def current(self) -> SecretStr:
        return self._unkept or self._kept() or self._given

    def replace(self, token: SecretStr) -> None:
        content = json.dumps({"given": self._origin, "token": token.get_secret_value()})
        try:
            write_whole(self._file, self._vault.seal(content.encode(), self._purpose))
            self._unkept = None
        except StoreError as error:
            event("refresh_token.not_kept", level="WARNING", system=self._system, why=str(error))
            self._unkept = token

    @property
    def _origin(self) -> str:
        return hashlib.sha256(self._given.get_secret_value().encode()).hexdigest()

    def _kept(self) -> SecretStr | None:
        if not self._file.exists():
            return None
        try:
            kept = json.loads(self._vault.unseal(self._file.read_bytes(), self._purpose))
        except (StoreError, OSError):
            event("refresh_token.unreadable", level="WARNING", system=self._system)
            return None
        if kept["given"] != self._origin:
            return None
        register_secret(kept["token"])
        return SecretStr(kept["token"])


async def _acquired(lock: FileLock) -> None:
    """Wait without holding up the event loop, and so that a caller who gives up leaves no lock behind."""
    while True:
        try:
            lock.acquire(blocking=False)
            return
        except Timeout:
            await asyncio.sleep(_POLL_S)
