"""A screen on paper: the Screen port over a dictionary, for the replayer's tests. Has tests of its own."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tandem.channels.screen import Target
from tandem.channels.selectors import AnyScreenFile
from tandem.errors import ScreenNotReady


class PaperScreen:
    """``elements``: what is shown, text by element name; cells are ``table.column[row]``.

    ``acts`` is what was done, in order. ``on_click``: called with the element's name after a
    click; ``on_open`` after a screen was gone to.
    """

    def __init__(self, **elements: str) -> None:
        self.elements = elements
        self.acts: list[str] = []
        self.on_click: Callable[[str], None] = lambda name: None
        self.on_open: Callable[[], object] = lambda: None
        self.place = ""
        self.missing_screens: set[str] = set()
        self.rests = True

    async def open(self, screen: AnyScreenFile, params: Mapping[str, Any]) -> None:
        self.place = screen.open or ""
        self.acts.append(f"open {self.place}")
        self.on_open()

    async def recognise(self, screen: AnyScreenFile, within_s: float) -> None:
        if screen.screen in self.missing_screens:
            raise ScreenNotReady("paper does not show {screen}.", screen=screen.screen)

    async def fill(self, target: Target, value: str) -> None:
        self._shown(target)
        self.elements[_key(target)] = value
        self.acts.append(f"fill {_key(target)}={value}")

    async def select(self, target: Target, value: str) -> None:
        await self.fill(target, value)

    async def check(self, target: Target, on: bool) -> None:
        await self.fill(target, "on" if on else "off")

    async def click(self, target: Target) -> None:
        self._shown(target)
        self.acts.append(f"click {_key(target)}")
        self.on_click(_key(target))

    async def double_click(self, target: Target) -> None:
        self._shown(target)
        self.acts.append(f"double click {_key(target)}")

    async def press(self, keys: str, target: Target | None) -> None:
        self.acts.append(f"press {keys}")

    async def committing(self) -> None:
        self.acts.append("committing")

    async def read(self, target: Target) -> str:
        return self._shown(target)

    async def read_rows(self, columns: Mapping[str, Target]) -> Sequence[Mapping[str, str]]:
        rows, number = [], 0
        while all(f"{target.name}[{number}]" in self.elements for target in columns.values()):
            rows.append({key: self.elements[f"{target.name}[{number}]"] for key, target in columns.items()})
            number += 1
        return rows

    async def address(self) -> str:
        return self.place

    async def settled(self, within_s: float) -> bool:
        self.acts.append("settle")
        return self.rests

    async def first_shown(self, targets: Sequence[Target], within_s: float) -> int | None:
        return next((index for index, target in enumerate(targets) if _key(target) in self.elements), None)

    async def gone(self, target: Target, within_s: float) -> bool:
        return _key(target) not in self.elements

    def _shown(self, target: Target) -> str:
        if _key(target) not in self.elements:
            raise ScreenNotReady("paper has no {element}.", element=_key(target))
        return self.elements[_key(target)]


def _key(target: Target) -> str:
    return target.name if target.row is None else f"{target.name}[{target.row}]"
