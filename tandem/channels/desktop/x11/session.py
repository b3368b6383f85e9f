"""A display with all that belongs to it: X server, window manager, message bus, accessibility bus, clients.

Every child is ended by the kernel when this process dies, however it dies (``setpriv --pdeathsig``).
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tandem.channels.desktop.driver import DriverRefusal
from tandem.channels.desktop.x11.cookie import Cookie

_BUS_LAUNCHERS = ("/usr/libexec/at-spi-bus-launcher", "/usr/lib/at-spi2-core/at-spi-bus-launcher")
_WINDOW_MANAGER = """<?xml version="1.0" encoding="UTF-8"?>
<openbox_config xmlns="http://openbox.org/3.4/rc">
  <focus><focusNew>yes</focusNew></focus>
  <desktops><number>1</number></desktops>
  <mouse/>
</openbox_config>
"""
"""No bindings of the mouse: for them it would hold back every click on a window, and the keys typed after a click could
reach the window before it."""
_ENDS_WITHIN_S = 5.0


class Session:
    """The processes of one display. ``environment`` is what its programs are started with."""

    def __init__(self, display: str | None, size: tuple[int, int]) -> None:
        self._children: list[subprocess.Popen[bytes]] = []
        self._folder = tempfile.TemporaryDirectory(prefix="tandem-desktop-")
        self.environment = dict(os.environ, XDG_SESSION_TYPE="x11")
        self.environment.pop("QT_QPA_PLATFORM_PLUGIN_PATH", None)  # OpenCV points it at plugins of its own
        self.environment.pop("WAYLAND_DISPLAY", None)
        if display is None:
            self._own_display(size)
        else:
            self.environment["DISPLAY"] = display

    @property
    def display(self) -> str:
        return self.environment["DISPLAY"]

    @property
    def accessibility_bus(self) -> str | None:
        return self.environment.get("DBUS_SESSION_BUS_ADDRESS")

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start a client; its process id. Raises DriverRefusal ``program``."""
        if shutil.which(command[0]) is None:
            raise DriverRefusal("program", f"{command[0]} is not found")
        return self._child(command, dict(self.environment, **environment)).pid

    def stop(self, pid: int) -> None:
        """End a client started here."""
        for child in [child for child in self._children if child.pid == pid]:
            _end(child)
            self._children.remove(child)

    def close(self) -> None:
        """End everything, the newest first."""
        while self._children:
            _end(self._children.pop())
        self._folder.cleanup()

    def _own_display(self, size: tuple[int, int]) -> None:
        programs = {"Xvfb": "xvfb", "openbox": "openbox", "dbus-daemon": "dbus", "setpriv": "util-linux"}
        for program, package in programs.items():
            if shutil.which(program) is None:
                raise DriverRefusal("missing", f"apt-get install -y {package}")
        launcher = next((path for path in _BUS_LAUNCHERS if Path(path).exists()), None)
        if launcher is None:
            raise DriverRefusal("missing", "apt-get install -y at-spi2-core")
        self.environment["XDG_RUNTIME_DIR"] = self._folder.name
        cookie = Cookie(Path(self._folder.name))
        screen = ["-screen", "0", f"{size[0]}x{size[1]}x24", "-nolisten", "tcp", "-noreset"]
        self.environment["DISPLAY"] = ":" + self._told(
            ["Xvfb", "-displayfd", "{fd}", *screen, "-auth", str(cookie.server_file)]
        )
        cookie.admit(self.display)
        self.environment["XAUTHORITY"] = str(cookie.client_file)
        self.environment["DBUS_SESSION_BUS_ADDRESS"] = self._told(
            ["dbus-daemon", "--session", "--nofork", "--nopidfile", "--print-address={fd}"]
        )
        self._child([launcher, "--launch-immediately", "--a11y=1"], self.environment)
        rules = Path(self._folder.name) / "openbox.xml"
        rules.write_text(_WINDOW_MANAGER, encoding="utf-8")
        self._child(["openbox", "--sm-disable", "--config-file", str(rules)], self.environment)
        self.environment["QT_LINUX_ACCESSIBILITY_ALWAYS_ON"] = "1"

    def _told(self, command: Sequence[str]) -> str:
        """Start a server that writes where it is to a file descriptor; what it wrote."""
        reading, writing = os.pipe()
        with os.fdopen(reading) as told:
            self._child([part.format(fd=writing) for part in command], self.environment, pass_fds=(writing,))
            os.close(writing)
            line = told.readline().strip()
        if not line:
            raise DriverRefusal("gone", f"{command[0]} did not start")
        return line

    def _child(
        self, command: Sequence[str], environment: Mapping[str, str], pass_fds: Sequence[int] = ()
    ) -> "subprocess.Popen[bytes]":
        child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *command],
            env=dict(environment),
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._children.append(child)
        return child


def _end(child: "subprocess.Popen[bytes]") -> None:
    child.terminate()
    try:
        child.wait(_ENDS_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
