"""A client's window as the replayer sees it."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from tandem.channels.desktop.accessibility import TreeError
from tandem.channels.desktop.driver import DriverRefusal, keys
from tandem.channels.desktop.finder import Finder, Healed
from tandem.channels.desktop.grid import Ambiguous, NotWhole
from tandem.channels.desktop.places import Place, pressed, refused
from tandem.channels.desktop.program import Program
from tandem.channels.desktop.refusals import not_sent
from tandem.channels.desktop.tables import TableReader
from tandem.channels.looks import Looks
from tandem.channels.screen import Target
from tandem.channels.selectors import AnyScreenFile, DesktopScreenFile
from tandem.channels.targets import element_target
from tandem.errors import NotOffered, ScreenNotReady

COMMAND = "command"
"""The element of a screen into which its ``open:`` is typed."""
_POLL_S = 0.05
_IN_TREE_S = 3.0
"""So long the tree alone is looked at for something that is to come up, where there is one."""

Given = ParamSpec("Given")
Result = TypeVar("Result")
Method = Callable[Given, Coroutine[Any, Any, Result]]


def _translated(method: Method[Given, Result]) -> Method[Given, Result]:
    """The method with refusals of platform and tree as errors of Tandem."""

    @wraps(method)
    async def translated(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        screen = args[0]
        assert isinstance(screen, DesktopScreen)
        try:
            return await method(*args, **kwargs)
        except (DriverRefusal, TreeError) as error:
            raise not_sent(error, system=screen.program.system, screen=screen.name) from error
        except NotWhole as error:
            raise ScreenNotReady(
                "{system}, screen {screen}: a list cannot be read to its end, it fills its room. "
                "Set a larger desktop.height in tandem.yaml.",
                system=screen.program.system,
                screen=screen.name,
            ) from error
        except Ambiguous as error:
            raise ScreenNotReady(
                "{system}, screen {screen}: what the picture shows can be read in more than one way.",
                system=screen.program.system,
                screen=screen.name,
            ) from error

    return translated


class DesktopScreen:
    """Implements ``tandem.channels.screen.Screen`` on one client."""

    def __init__(self, program: Program, folders: Sequence[Path], healed: Healed) -> None:
        self.program = program
        self.shown: DesktopScreenFile | None = None
        self._finder = Finder(program, folders, healed)

    @property
    def name(self) -> str:
        return self.shown.screen if self.shown else "start"

    @_translated
    async def open(self, screen: AnyScreenFile, params: Mapping[str, Any]) -> None:
        assert isinstance(screen, DesktopScreenFile)
        if COMMAND not in screen.elements:
            raise NotOffered("Screen {screen} has open but no element named command.", screen=screen.screen)
        self.shown = None
        command = element_target(screen, COMMAND, params)
        place = await self._found(command)
        await place.fill(command, str(screen.open))
        await place.focus()
        window = await self.program.window(None, screen.screen)
        await self.program.act(window, [keys("enter", leaves=True)])
        self.shown = screen

    @_translated
    async def recognise(self, screen: AnyScreenFile, within_s: float) -> None:
        assert isinstance(screen, DesktopScreenFile)
        self.shown = screen
        sign = Target(screen.screen, "recognise", screen.recognise)
        looks = Looks(within_s, _POLL_S)
        while await looks.again():
            try:
                await self.program.window(screen.frame, screen.screen)
                if not screen.recognise or await self._is_found(sign, looks):
                    return
            except ScreenNotReady:
                if looks.last or await self._says_something(screen):
                    raise
        raise refused(self.program, sign, "the screen is not shown in time")

    @_translated
    async def fill(self, target: Target, value: str) -> None:
        await (await self._found(target)).fill(target, value)

    @_translated
    async def select(self, target: Target, value: str) -> None:
        raise NotOffered("The desktop channel has no select: use fill or press for {element}.", element=target.name)

    @_translated
    async def check(self, target: Target, on: bool) -> None:
        raise NotOffered("The desktop channel has no check: use click or press for {element}.", element=target.name)

    @_translated
    async def click(self, target: Target) -> None:
        await (await self._found(target)).click()

    @_translated
    async def double_click(self, target: Target) -> None:
        raise NotOffered("The desktop channel has no double click: use press for {element}.", element=target.name)

    @_translated
    async def press(self, keys_named: str, target: Target | None) -> None:
        if target is not None:
            await (await self._found(target)).focus()
        window = await self.program.window(self._frame, self.name)
        await self.program.act(window, [keys(*pressed(keys_named), leaves=True)])

    @_translated
    async def committing(self) -> None:
        """One more look before the step that cannot be taken back: in front, and answering."""
        await self.program.settle(await self.program.window(self._frame, self.name))

    @_translated
    async def read(self, target: Target) -> str:
        return await (await self._found(target)).read(target)

    @_translated
    async def read_rows(self, columns: Mapping[str, Target]) -> Sequence[Mapping[str, str]]:
        return await TableReader(self.program, self._finder, self.shown).rows(columns)

    @_translated
    async def address(self) -> str:
        raise NotOffered("The desktop channel has no address: read an element.")

    @_translated
    async def settled(self, within_s: float) -> bool:
        await self.program.settle(await self.program.window(self._frame, self.name))
        return True

    @_translated
    async def first_shown(self, targets: Sequence[Target], within_s: float) -> int | None:
        looks = Looks(within_s, _POLL_S)
        while await looks.again():
            for index, target in enumerate(targets):
                if await self._is_shown(target, looks):
                    return index
        return None

    @_translated
    async def gone(self, target: Target, within_s: float) -> bool:
        looks = Looks(within_s, _POLL_S)
        while await looks.again():
            if not await self._is_shown(target):
                return True
        return False

    @property
    def _frame(self) -> str | None:
        return self.shown.frame if self.shown else None

    async def _says_something(self, screen: DesktopScreenFile) -> bool:
        """Whether one of the screen's messages is shown: waiting longer is of no use."""
        messages = [Target(screen.screen, name, message.find) for name, message in screen.messages.items()]
        return any([await self._is_shown(message) for message in messages])

    async def _found(self, target: Target) -> Place:
        place = await self._finder.find(target, self._frame)
        if place is None:
            raise refused(self.program, target, "it is not shown")
        return place

    async def _is_found(self, target: Target, looks: Looks | None) -> bool:
        """While it may still come up in the tree, no picture is read for it."""
        in_tree = looks is not None and not looks.last and looks.for_s < _IN_TREE_S
        return await self._finder.find(target, self._frame, in_tree=in_tree) is not None

    async def _is_shown(self, target: Target, looks: Looks | None = None) -> bool:
        """A screen that is not in front shows nothing of its own: a message box may be over it."""
        try:
            return await self._is_found(target, looks)
        except ScreenNotReady:
            return False
