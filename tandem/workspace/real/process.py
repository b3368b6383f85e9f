"""The process of a real server: started so that it outlives the command, and really stopped."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import httpx

from tandem.errors import UsageError
from tandem.workspace.real.place import Place

HOST = "127.0.0.1"
_children: list["subprocess.Popen[bytes]"] = []
"""Kept, because Python complains of one that is forgotten while it runs; and they are to outlive us."""

_START_S, _STOP_S, _KILL_S, _LOOK_S = 60.0, 10.0, 5.0, 0.1


def free_port(port: int) -> int:
    """The port, or any free one for 0. Raises UsageError when another program has it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UsageError(
                "Port {port} of {host} is in use by another program. Stop that program, or choose another port "
                "(0 takes a free one).",
                port=port,
                host=HOST,
            ) from None
        number: int = probe.getsockname()[1]
        return number


def is_running(place: Place) -> bool:
    """Whether the process that was noted still runs, and is not another one that was given its number."""
    noted = place.state()
    pid = noted.get("pid")
    return isinstance(pid, int) and _born_at(pid) is not None and _born_at(pid) == noted.get("born")


def start(place: Place, command: Sequence[str]) -> int:
    """The number of the process, once it answers. Raises UsageError when it does not."""
    with place.log.open("wb") as log:
        process = subprocess.Popen(
            list(command),
            cwd=place.folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children.append(process)
    place.note(pid=process.pid, born=_born_at(process.pid), port=place.port, started_at=time.time())
    deadline = time.monotonic() + _START_S
    while not answers(place):
        if process.poll() is not None or time.monotonic() > deadline:
            stop(place)
            raise UsageError(
                "The server of {vendor} did not start. What it said stands in {log}.",
                vendor=place.vendor,
                log=place.log,
            )
        time.sleep(_LOOK_S)
    return process.pid


def answers(place: Place) -> bool:
    """Whether the server answers on its port, whatever it says."""
    try:
        httpx.get(place.url, timeout=_START_S)
    except httpx.TransportError:
        return False
    return True


def stop(place: Place) -> bool:
    """End the process and all it started; whether there was one. Raises UsageError when it cannot be ended."""
    if not is_running(place):
        return False
    pid = int(place.state()["pid"])
    for number, patience_s in ((signal.SIGTERM, _STOP_S), (signal.SIGKILL, _KILL_S)):
        with suppress(ProcessLookupError):
            os.killpg(pid, number)
        if _is_gone(place, pid, patience_s):
            place.note(pid=None)
            return True
    raise UsageError("Process {pid} of {vendor} cannot be ended. End it yourself.", pid=pid, vendor=place.vendor)


def _is_gone(place: Place, pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)  # when this very process started it
        if not is_running(place):
            return True
        time.sleep(_LOOK_S)
    return False


def _born_at(pid: int) -> str | None:
    """When a process was started, in the kernel's own count; None when it is gone or only waits to be buried.

    While a process ends, its first thread may be gone and others still be there; it has its port until they are gone.
    """
    try:
        told = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
        threads = len(list(Path(f"/proc/{pid}/task").iterdir()))
    except OSError:
        return None
    state, *fields = told.rpartition(")")[2].split()
    return None if state in "ZX" and threads <= 1 else fields[18]
