"""Where an element was found, and what can be done there: in the accessibility tree, or in the picture."""

from dataclasses import dataclass
from typing import Protocol

from tandem.channels.desktop.accessibility import CELL, Node, Tree
from tandem.channels.desktop.driver import Box, DriverRefusal, Window, click, keys, paste, type_keys
from tandem.channels.desktop.eyes import folded
from tandem.channels.desktop.picture import cut, is_full
from tandem.channels.desktop.program import Program
from tandem.channels.looks import Looks
from tandem.channels.screen import Target
from tandem.errors import ScreenNotReady
from tandem.text import phrase

_KEYS = {"control": "ctrl", "escape": "esc", "return": "enter", "arrowdown": "down", "arrowup": "up"}
_PAINTED_WITHIN_S, _FOCUSED_WITHIN_S, _POLL_S = 3.0, 0.5, 0.1
_EXACT_KINDS = ("number", "day")
CUT_OFF = phrase("its text fills the field, more of it may not be shown")


class Place(Protocol):
    """Every method raises ScreenNotReady when it cannot be done here."""

    async def fill(self, target: Target, value: str) -> None: ...

    async def click(self) -> None: ...

    async def focus(self) -> None: ...

    async def read(self, target: Target) -> str: ...


@dataclass(frozen=True)
class TreePlace:
    """An element of the accessibility tree."""

    program: Program
    tree: Tree
    window: Window
    node: Node

    async def fill(self, target: Target, value: str) -> None:
        if not await self.tree.editable(self.node):
            raise refused(self.program, target, "it cannot be edited")
        await self.focus()  # the field before it is left: many a program works out the others only then
        await self.tree.set_text(self.node, value)
        if not target.secret and await self.tree.text(self.node) != value:
            raise refused(self.program, target, "it holds something else than was entered")

    async def click(self) -> None:
        if self.node.role == CELL:  # its own actions open or edit it; what chooses its row is the pointer
            x, y = (await self.tree.box(self.node)).centre
            await self.program.act(self.window, [click(x, y, leaves=True)])
            return
        await self.tree.press(self.node)
        await self.program.settle(self.window)

    async def focus(self) -> None:
        """Give the element the keyboard; a window that closes takes it once more a moment later."""
        looks = Looks(_FOCUSED_WITHIN_S, _POLL_S)
        while await looks.again():
            await self.tree.focus(self.node)
            await self.program.settle(self.window)
            if await self.tree.has_focus(self.node):
                return

    async def read(self, target: Target) -> str:
        return await self.tree.text(self.node)


@dataclass(frozen=True)
class PicturePlace:
    """A box in the window's picture. ``stays``: a field is not left when it is filled in."""

    program: Program
    window: Window
    box: Box
    stays: bool = False

    @property
    def _point(self) -> tuple[int, int]:
        return self.box.moved(self.window.box.x, self.window.box.y).centre

    async def fill(self, target: Target, value: str) -> None:
        typed = type_keys(value) if target.secret and value.isascii() else paste(value)
        written = [typed] if value else [keys("delete")]
        done = keys("ctrl", "a") if self.stays else keys("tab")  # either takes the caret out of the picture
        batch = [click(*self._point), keys("ctrl", "a"), *written, done]
        try:
            await self.program.act(self.window, batch)
        except DriverRefusal as error:
            if error.kind != "not_pasted":
                raise
            await self.program.act(self.window, batch)  # nothing arrived: the field was not ready for the first click
        await self.program.settle(self.window)
        if not target.secret:
            await self._check(target, value)

    async def click(self) -> None:
        await self.program.act(self.window, [click(*self._point, leaves=True)])

    async def focus(self) -> None:
        await self.program.act(self.window, [click(*self._point)])

    async def read(self, target: Target) -> str:
        picture = await self.program.look(self.window)
        if target.kind not in _EXACT_KINDS:
            if is_full(cut(picture, self.box)):
                raise refused(self.program, target, CUT_OFF)
            (text,) = await self.program.eyes.texts(picture, [self.box])
            return text
        (number,) = await self.program.eyes.proven(picture, [self.box])
        if number is None:
            raise refused(self.program, target, "the two text recognitions do not read the same")
        return number

    async def _check(self, target: Target, value: str) -> None:
        """What stands in the field must become what was meant; a busy program may take a while to paint it."""
        looks = Looks(_PAINTED_WITHIN_S, _POLL_S)
        while await looks.again():
            if await self._shows(target, value):
                return
        raise refused(self.program, target, "it does not show what was entered")

    async def _shows(self, target: Target, value: str) -> bool:
        """Whether the field reads like the value; one engine that reads it so is enough."""
        picture = await self.program.look(self.window)
        (text,) = await self.program.eyes.texts(picture, [self.box])
        if self._reads(text, value, target):
            return True
        if not text or not value:
            return False
        (second,) = await self.program.eyes.numbers(picture, [self.box])
        return self._reads(second, value, target)

    def _reads(self, text: str, value: str, target: Target) -> bool:
        """Whether a text as read says this value; a number may be shown with more zeros than were entered."""
        if target.kind == "text":
            return folded(text) == folded(value)
        notation = self.program.notation
        try:
            return notation.parsed(text, target.kind) == notation.parsed(value, target.kind)
        except ValueError:
            return False


@dataclass(frozen=True)
class KeyPlace:
    """An element that is nowhere to be seen but answers to a keyboard shortcut."""

    program: Program
    window: Window
    keys: tuple[str, ...]

    async def fill(self, target: Target, value: str) -> None:
        raise refused(self.program, target, "a keyboard shortcut cannot be filled in")

    async def click(self) -> None:
        await self.focus()

    async def focus(self) -> None:
        await self.program.act(self.window, [keys(*self.keys, leaves=True)])

    async def read(self, target: Target) -> str:
        raise refused(self.program, target, "a keyboard shortcut cannot be read")


def pressed(named: str) -> tuple[str, ...]:
    """``Control+S`` as the keys to press together."""
    return tuple(_KEYS.get(key.casefold(), key.casefold()) for key in named.split("+"))


def refused(program: Program, target: Target, why: str) -> ScreenNotReady:
    return ScreenNotReady(
        "{system}, screen {screen}: {element}: {why}.",
        system=program.system,
        screen=target.screen,
        element=target.name if target.row is None else f"{target.name} in row {target.row + 1}",
        why=why,
    )
