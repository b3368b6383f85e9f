"""The seam to the platform: windows, keys, pointer, clipboard, pictures. What differs by platform lives behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from tandem.text import phrase

Picture = npt.NDArray[np.uint8]
"""Height x width x 3, blue green red."""


class Box(NamedTuple):
    """A rectangle in pixels, its left upper corner first."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height

    @property
    def centre(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2

    def moved(self, x: int, y: int) -> "Box":
        return Box(self.x + x, self.y + y, self.width, self.height)

    def inset(self, by: int) -> "Box":
        return Box(self.x + by, self.y + by, max(0, self.width - 2 * by), max(0, self.height - 2 * by))


@dataclass(frozen=True)
class Window:
    """One window of a program; ``box`` on the screen, without the frame of the window manager."""

    id: int
    title: str
    pid: int
    box: Box


@dataclass(frozen=True)
class Action:
    """One thing a hand does: ``click`` at a point of the screen, ``keys`` pressed together, ``paste`` or ``type``.

    ``paste`` goes through the clipboard, which only the window's own program may read and which is empty afterwards;
    ``type`` sends single keystrokes, for secrets. ``leaves``: the window may change its title or give way to another
    window of the same program.
    """

    verb: Literal["click", "keys", "paste", "type"]
    x: int = 0
    y: int = 0
    keys: tuple[str, ...] = ()
    text: str = ""
    leaves: bool = False


def click(x: int, y: int, *, leaves: bool = False) -> Action:
    return Action("click", x=x, y=y, leaves=leaves)


def keys(*names: str, leaves: bool = False) -> Action:
    return Action("keys", keys=names, leaves=leaves)


def paste(text: str) -> Action:
    return Action("paste", text=text)


def type_keys(text: str) -> Action:
    return Action("type", text=text)


class DriverRefusal(Exception):
    """The platform did not do it. ``kind``: see REFUSALS; ``why`` holds no text that was typed."""

    def __init__(self, kind: str, why: str = "") -> None:
        self.kind = kind
        self.why = why
        super().__init__(f"{kind}: {why}")


REFUSALS: Mapping[str, str] = {
    "missing": phrase("a program or library of the desktop is not installed"),
    "wrong_window": phrase("another window was in front before or after a keystroke"),
    "not_pasted": phrase("the program did not fetch the text from the clipboard"),
    "stopped": phrase("the pointer was moved into a corner: a person wants the robot to stop"),
    "program": phrase("the client could not be started"),
    "failed": phrase("the display's host met an error it does not know"),
    "gone": phrase("the display or its host has ended"),
}


class Driver(Protocol):
    """One display. Every method may raise DriverRefusal."""

    @property
    def accessibility_bus(self) -> str | None:
        """The address of the session bus whose programs offer an accessibility tree; None: there is none."""
        ...

    async def start(self, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start a client on this display; its process id."""
        ...

    async def stop(self, pid: int) -> None:
        """End a client started here, and wait until it is gone."""
        ...

    async def windows(self, pid: int) -> tuple[Window, ...]:
        """The program's windows, oldest first."""
        ...

    async def active(self) -> Window | None:
        """The window that has the keyboard."""
        ...

    async def focus(self, window: Window) -> None:
        """Bring the window to the front."""
        ...

    async def act(self, window: Window, actions: Sequence[Action]) -> None:
        """Carry out actions, checking the active window and its title before and after every one of them."""
        ...

    async def picture(self, box: Box) -> Picture:
        """This part of the screen; nobody may write to it, it may be handed out again."""
        ...

    async def answers(self, window: Window, within_s: float) -> bool:
        """Whether the program answers the window manager's ping: it is not frozen."""
        ...

    async def covered(self, window: Window) -> bool:
        """Whether a window of another program (a screen lock, say) lies over this one."""
        ...

    async def aclose(self) -> None: ...


def as_json(action: Action) -> dict[str, Any]:
    """The action as JSON-safe data."""
    return {
        "verb": action.verb,
        "x": action.x,
        "y": action.y,
        "keys": list(action.keys),
        "text": action.text,
        "leaves": action.leaves,
    }
