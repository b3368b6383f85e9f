"""The process that owns a display: JSON lines in, JSON lines (and raw pictures) out. Ends when its input ends.

First line in: ``{"display": ":1" | null, "size": [1280, 800]}``; null makes a display of its own. Then requests
``{"do", ...}``; each is answered by ``{"result"}`` or ``{"refused", "why"}``; a result with ``"bytes"`` is followed by
so many raw bytes (BGRA).
"""

import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from tandem.channels.desktop.driver import DriverRefusal, Window
from tandem.channels.desktop.x11.session import Session


class Host:
    """Answers requests for one display."""

    def __init__(self, session: Session, *, own: bool) -> None:
        import mss

        from tandem.channels.desktop.x11.clipboard import Clipboard
        from tandem.channels.desktop.x11.hands import Hands
        from tandem.channels.desktop.x11.windows import Windows

        self._session = session
        self._windows = Windows(session.display)
        self._hands = Hands(self._windows, Clipboard(session.display), own=own)
        self._camera = mss.mss(display=session.display)
        self._sent: tuple[list[int], bytes] | None = None
        self._requests: dict[str, Callable[[dict[str, Any]], Any]] = {
            "start": lambda given: session.start(given["command"], given["environment"]),
            "stop": lambda given: session.stop(given["pid"]),
            "windows": lambda given: [_as_json(window) for window in self._windows.of(given["pid"])],
            "active": lambda given: _as_json(self._windows.active()),
            "focus": lambda given: self._windows.focus(given["window"]),
            "act": lambda given: self._hands.act(given["window"], given["title"], given["actions"]),
            "picture": self._picture,
            "answers": lambda given: self._windows.answers(given["window"], given["within_s"]),
            "covered": self._covered,
        }

    def serve(self, lines: IO[bytes], out: IO[bytes]) -> None:
        """Answer until the input ends. Raises DriverRefusal ``gone`` when the display has."""
        for line in lines:
            if self._windows.lost():
                raise DriverRefusal("gone", f"display {self._session.display} has no server any more")
            given = json.loads(line)
            try:
                result = self._requests[given["do"]](given)
            except DriverRefusal as refusal:
                _say(out, {"refused": refusal.kind, "why": refusal.why})
            except Exception as error:  # noqa: BLE001 - the display must stay up, and say where it failed
                _say(out, {"refused": "failed", "why": _place(error)})
            else:
                raw = result if isinstance(result, bytes) else b""
                _say(out, {"result": None if raw else result, "bytes": len(raw)}, raw)

    def _picture(self, given: dict[str, Any]) -> bytes | None:
        """None when it is the one that was sent last, and ``held``."""
        x, y, width, height = given["box"]
        shot = self._camera.grab({"left": x, "top": y, "width": width, "height": height})
        taken = (given["box"], bytes(shot.bgra))
        sent, self._sent = self._sent, taken
        return None if given["held"] and sent == taken else taken[1]

    def _covered(self, given: dict[str, Any]) -> bool:
        window = self._windows.window(given["window"])
        return window is None or self._windows.covered(window)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    lines, out = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    wanted = json.loads(lines.readline())
    session = None
    try:
        session = Session(wanted["display"], tuple(wanted["size"]))
        _adopt(session)
        host = Host(session, own=wanted["display"] is None)
        _say(out, {"result": {"accessibility_bus": session.accessibility_bus}, "bytes": 0})
        host.serve(lines, out)
    except DriverRefusal as refusal:
        _say(out, {"refused": refusal.kind, "why": refusal.why})
    finally:
        if session is not None:
            session.close()


def _adopt(session: Session) -> None:
    """Make the display this process's own: pyautogui binds it when it is imported."""
    names = ("DISPLAY", "XAUTHORITY", "XDG_SESSION_TYPE")
    os.environ.update({name: session.environment[name] for name in names if name in session.environment})
    try:
        import pyautogui  # noqa: F401
    except SystemExit:
        raise DriverRefusal("missing", "apt-get install -y python3-tk") from None
    except Exception as error:  # noqa: BLE001 - pyautogui lets everything through that X may raise
        raise DriverRefusal("gone", f"display {session.display} cannot be used: {type(error).__name__}") from None


def _place(error: Exception) -> str:
    """Class and line of an error, without its text, which might hold what was typed."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"


def _as_json(window: Window | None) -> dict[str, Any] | None:
    return None if window is None else asdict(window)


def _say(out: IO[bytes], answer: dict[str, Any], raw: bytes = b"") -> None:
    out.write(json.dumps(answer).encode() + b"\n" + raw)
    out.flush()


if __name__ == "__main__":
    main()
