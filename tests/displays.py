"""A display that is there already, as a person's is."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tandem.channels.desktop.x11.session import Session

_TOLD = ("DISPLAY", "XAUTHORITY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON")


@contextmanager
def somebodys_display(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    """Started by somebody else, with a window manager; this process's environment names it."""
    session = Session(None, (1280, 800))
    try:
        for name in _TOLD:
            monkeypatch.setenv(name, session.environment[name])
        yield session
    finally:
        session.close()
