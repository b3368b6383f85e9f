"""Pointer and keyboard through pyautogui, every action guarded by the active window."""

import time
from typing import Any

import pyautogui

from tandem.channels.desktop.driver import DriverRefusal, Window
from tandem.channels.desktop.x11.clipboard import Clipboard
from tandem.channels.desktop.x11.windows import Windows

_SETTLES_WITHIN_S = 0.5
_POLL_S = 0.01


class Hands:
    """Acts on one window at a time.

    On a display of our ``own`` the pointer is parked away from the corners, where it would mean *stop*; on a person's
    there may be any window manager.
    """

    def __init__(self, windows: Windows, clipboard: Clipboard, *, own: bool) -> None:
        self._windows = windows
        self._clipboard = clipboard
        self._own = own
        pyautogui.PAUSE = 0
        pyautogui.FAILSAFE = False
        if own:
            self._park()
        pyautogui.FAILSAFE = True

    def act(self, number: int, title: str, actions: list[dict[str, Any]]) -> None:
        """Raises DriverRefusal ``wrong_window``, ``not_pasted`` or ``stopped``."""
        for action in actions:
            window = self._active(number, title)
            try:
                self._do(window, action)
            except pyautogui.FailSafeException:
                raise DriverRefusal("stopped") from None
            if action["leaves"]:
                self._still_same_program(window)
            else:
                self._active(number, title)

    def _do(self, window: Window, action: dict[str, Any]) -> None:
        verb = action["verb"]
        if verb == "click":
            pyautogui.click(action["x"], action["y"])
            if not self._own:
                self._windows.await_click(_SETTLES_WITHIN_S)
        elif verb == "keys":
            pyautogui.hotkey(*action["keys"])
        elif verb == "paste":
            self._clipboard.paste(action["text"], window.id, lambda: pyautogui.hotkey("ctrl", "v"))
        else:
            pyautogui.write(action["text"])

    def _active(self, number: int, title: str) -> Window:
        active = self._windows.active()
        if active is None or active.id != number or active.title != title:
            shown = active.title if active else ""
            raise DriverRefusal("wrong_window", f"{shown!r} is in front, not {title!r}")
        return active

    def _still_same_program(self, window: Window) -> None:
        """After a click that may open or close windows: the keyboard must stay with the program."""
        deadline = time.monotonic() + _SETTLES_WITHIN_S
        while True:
            active = self._windows.active()
            if active is not None and active.pid == window.pid:
                return
            if time.monotonic() > deadline:
                shown = active.title if active else ""
                raise DriverRefusal("wrong_window", f"{shown!r} came to the front after a click in {window.title!r}")
            time.sleep(_POLL_S)

    def _park(self) -> None:
        width, height = pyautogui.size()
        pyautogui.moveTo(width // 2, height - 2)
