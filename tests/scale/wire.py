"""A wire to a database server that breaks at a commit: before it gets there, or before its answer gets back."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Literal

Break = Literal["before", "after"]
_COMMIT = b"COMMIT\x00"


class Wire:
    """Forwards connections to the server. ``break_next_commit`` breaks one connection once."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.breaks: list[Break] = []
        self.broken = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def break_next_commit(self, *how: Break) -> None:
        self.breaks.extend(how)

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._server_port))
                _Line(self, client, server).start()


class _Line:
    def __init__(self, wire: Wire, client: socket.socket, server: socket.socket) -> None:
        self._wire, self._client, self._server = wire, client, server
        self._is_deaf = False

    def start(self) -> None:
        threading.Thread(target=self._to_server, daemon=True).start()
        threading.Thread(target=self._to_client, daemon=True).start()

    def _to_server(self) -> None:
        for data in _received(self._client):
            if data.endswith(_COMMIT) and self._wire.breaks:
                self._wire.broken += 1
                if self._wire.breaks.pop(0) == "before":
                    break
                self._is_deaf = True
            with contextlib.suppress(OSError):
                self._server.sendall(data)
        self._hang_up()

    def _to_client(self) -> None:
        for data in _received(self._server):
            if self._is_deaf:
                break
            with contextlib.suppress(OSError):
                self._client.sendall(data)
        self._hang_up()

    def _hang_up(self) -> None:
        for end in (self._client, self._server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


def _received(end: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while data := end.recv(65536):
            yield data
