"""The key to an own display, so that no other user of the machine can look at it or type into it."""

import os
import secrets
import socket
import struct
from pathlib import Path

_WILD, _LOCAL = 0xFFFF, 0x100
_NAME = b"MIT-MAGIC-COOKIE-1"


class Cookie:
    """One secret; ``server_file`` goes to the X server, ``client_file`` to its programs (XAUTHORITY)."""

    def __init__(self, folder: Path) -> None:
        self._secret = secrets.token_bytes(16)
        self.server_file = folder / "server.auth"
        self.client_file = folder / "client.auth"
        _write(self.server_file, _entry(_WILD, b"", b"", self._secret))

    def admit(self, display: str) -> None:
        """Write the file for the programs, once the server has told its number (``:5``)."""
        host, number = socket.gethostname().encode(), display.removeprefix(":").encode()
        _write(self.client_file, _entry(_LOCAL, host, number, self._secret))


def _entry(family: int, address: bytes, number: bytes, secret: bytes) -> bytes:
    parts = (address, number, _NAME, secret)
    return struct.pack(">H", family) + b"".join(struct.pack(">H", len(part)) + part for part in parts)


def _write(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
