"""Windows by the rules of the window manager (EWMH): which there are, which is active, which one answers."""

import select
import socket
import time
from typing import Any

from Xlib import X, display, error  # type: ignore[import-untyped]
from Xlib.protocol import event as xevent  # type: ignore[import-untyped]
from Xlib.xobject.drawable import Window as XWindow  # type: ignore[import-untyped]

from tandem.channels.desktop.driver import Box, Window

_POLL_S = 0.01
_GONE_POLL_S = 0.1
_SAMPLES = (1, 3, 5)
"""Sixths of width and height at which a window is probed for another one over it."""


class Windows:
    """The windows of one display."""

    def __init__(self, name: str) -> None:
        self.display = display.Display(name)
        self._root = self.display.screen().root
        self._root.change_attributes(event_mask=X.SubstructureNotifyMask | X.StructureNotifyMask)

    def lost(self) -> bool:
        """Whether the server has ended. Xlib may spin for ever on a request after the one that met the end."""
        try:
            return not self.display.display.socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def of(self, pid: int) -> list[Window]:
        """The program's windows, oldest first."""
        ids = self._property(self._root, "_NET_CLIENT_LIST") or []
        return [window for window in map(self.window, ids) if window is not None and window.pid == pid]

    def active(self) -> Window | None:
        found = self._property(self._root, "_NET_ACTIVE_WINDOW")
        return self.window(found[0]) if found and found[0] else None

    def window(self, number: int) -> Window | None:
        """The window of this id; None when it is gone."""
        handle = self.display.create_resource_object("window", number)
        try:
            title = self._property(handle, "_NET_WM_NAME", "UTF8_STRING") or b""
            pid = self._property(handle, "_NET_WM_PID")
            geometry = handle.get_geometry()
            corner = handle.translate_coords(self._root, 0, 0)
        except error.XError:
            return None
        box = Box(-corner.x, -corner.y, geometry.width, geometry.height)
        name = title if isinstance(title, str) else bytes(title).decode("utf-8", "replace")
        return Window(number, name, pid[0] if pid else 0, box)

    def focus(self, number: int) -> None:
        """Ask the window manager to bring the window to the front."""
        handle = self.display.create_resource_object("window", number)
        self._tell(self._root, handle, "_NET_ACTIVE_WINDOW", [2, X.CurrentTime, 0, 0, 0])

    def answers(self, number: int, within_s: float) -> bool:
        """Ping the window as the window manager does, and wait for the program's answer; a closed one gives none."""
        handle = self.display.create_resource_object("window", number)
        stamp = int(time.monotonic() * 1000) & 0x7FFFFFFF
        ping = self.display.intern_atom("_NET_WM_PING")
        data = (32, [ping, stamp, number, 0, 0])
        protocols = self.display.intern_atom("WM_PROTOCOLS")
        handle.send_event(xevent.ClientMessage(window=handle, client_type=protocols, data=data))
        self.display.flush()
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            if not self.display.pending_events():
                if number not in (self._property(self._root, "_NET_CLIENT_LIST") or ()):
                    return False
                select.select([self.display.fileno()], [], [], min(_GONE_POLL_S, deadline - time.monotonic()))
                continue
            answer = self.display.next_event()
            if answer.type == X.ClientMessage and list(answer.data[1][:2]) == [ping, stamp]:
                return True
        return False

    def covered(self, window: Window) -> bool:
        """Whether a top-level window of another program lies over one of nine points of this one."""
        box, own = window.box, {each.id for each in self.of(window.pid)}
        points = [(box.x + box.width * x // 6, box.y + box.height * y // 6) for x in _SAMPLES for y in _SAMPLES]
        return any(not own & self._at(x, y) for x, y in points)

    def await_click(self, within_s: float) -> None:
        """Wait until no window manager holds a click back to look at it first: keys would overtake it. One that takes
        longer, or a program whose menu keeps the pointer, is not waited for."""
        deadline = time.monotonic() + within_s
        while self._is_pointer_held() and time.monotonic() < deadline:
            time.sleep(_POLL_S)

    def _is_pointer_held(self) -> bool:
        got = self._root.grab_pointer(False, 0, X.GrabModeAsync, X.GrabModeAsync, X.NONE, X.NONE, X.CurrentTime)
        if got == X.GrabSuccess:
            self.display.ungrab_pointer(X.CurrentTime)
            self.display.sync()
        return bool(got != X.GrabSuccess)

    def _at(self, x: int, y: int) -> set[int]:
        """The windows under a point of the screen, from the topmost one down through its children."""
        found: set[int] = set()
        parent = self._root
        while child := parent.translate_coords(self._root, x, y).child:
            found.add(child.id)
            parent = child
        return found

    def _tell(self, to: XWindow, about: XWindow, message: str, data: list[int]) -> None:
        atom = self.display.intern_atom(message)
        told = xevent.ClientMessage(window=about, client_type=atom, data=(32, data))
        to.send_event(told, event_mask=X.SubstructureRedirectMask | X.SubstructureNotifyMask)
        self.display.flush()

    def _property(self, window: XWindow, name: str, kind: str | None = None) -> Any:
        atom = self.display.intern_atom(name)
        wanted = self.display.intern_atom(kind) if kind else X.AnyPropertyType
        found = window.get_full_property(atom, wanted)
        return found.value if found else None
