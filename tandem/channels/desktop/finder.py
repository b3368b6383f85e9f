"""From a target's candidates, in their order, to the one place on the screen."""

import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from tandem.channels.desktop.accessibility import Node, Tree
from tandem.channels.desktop.driver import Box, Window, keys
from tandem.channels.desktop.eyes import Grid
from tandem.channels.desktop.grid import Ambiguous
from tandem.channels.desktop.places import KeyPlace, PicturePlace, Place, TreePlace, pressed, refused
from tandem.channels.desktop.program import Program
from tandem.channels.desktop.templates import Templates
from tandem.channels.looks import Looks
from tandem.channels.screen import Target
from tandem.channels.selectors import DesktopCandidate

Healed = Callable[[Target, int], Awaitable[None]]
_MOST_PAGES = 400
_TURNED_WITHIN_S, _POLL_S = 1.0, 0.1
_SETTLED_S = 0.3
"""A picture that must be read anew, which takes seconds, is not one in which colours still change (GTK: 0.2 s)."""


class Finder:
    """Finds elements of one program. ``folders`` hold the image templates, the user's first.

    ``healed`` is told when a later candidate had to be used: the target, and the index of the candidate.
    """

    def __init__(self, program: Program, folders: Sequence[Path], healed: Healed) -> None:
        self._program = program
        self._healed = healed
        self._templates = Templates(folders, program.eyes)

    async def find(self, target: Target, frame: str | None, *, in_tree: bool = False) -> Place | None:
        """The place of the target, None when it is not shown. Raises ScreenNotReady when several fit.

        ``in_tree``: where there is a tree, only there if it can be.
        """
        for index, candidate in enumerate(target.candidates):
            assert isinstance(candidate, DesktopCandidate)
            of_picture = candidate.ocr is not None or candidate.image is not None
            if index and of_picture and in_tree and self._program.tree is not None:
                continue
            window = await self._window(candidate, target, frame)
            if window is None:
                continue
            try:
                place = await self._by(candidate, target, window)
            except Ambiguous:
                raise refused(self._program, target, "more than one place fits") from None
            if place is not None:
                if index and self._program.tree is not None:
                    now = await self.find(target, frame, in_tree=True) if of_picture else None
                    if now is not None:  # it came up while the picture was read
                        return now
                    await self._healed(target, index)
                return place
        return None

    async def page(self, target: Target, frame: str | None, *, down: bool) -> bool:
        """Turn the page of the target's table; whether other rows are shown now."""
        window = await self._program.window(frame, target.screen)
        if self._program.tree is not None and await self._table(self._program.tree, target, window) is not None:
            return False
        shown = await self.grid(target, window) if self._program.tree is None else None
        if shown is not None and shown.whole:
            return False
        before = await self.rows(target, window)
        if not before:
            return False
        cell = await self.cell(target, window, before[0])
        if cell is None:
            return False
        await cell.focus()
        await self._program.act(window, [keys("pagedown" if down else "pageup")])
        await self._program.settle(window)
        looks = Looks(_TURNED_WITHIN_S, _POLL_S)
        while await looks.again():
            after = await self.rows(target, window)
            if not after or after[0] != before[0]:
                return bool(after)
        return False

    async def rows(self, target: Target, window: Window) -> list[int]:
        """The rows of the target's table that are shown now, counted from 0 over the whole list."""
        header = header_of(target)
        if self._program.tree is not None:
            table = await self._table(self._program.tree, target, window)
            if table is not None:
                return list(range(await self._program.tree.row_count(table)))
            nodes = await self._program.tree.find(window.title, "text", None)
            numbers = [_row_of(node.name, header) for node in nodes]
            return sorted(number for number in numbers if number is not None)
        grid = await self.grid(target, window)
        return [] if grid is None else list(range(grid.first, grid.first + len(grid.rows)))

    async def cell(self, target: Target, window: Window, row: int) -> Place | None:
        """The target's column in this row, if it is shown now."""
        header = header_of(target)
        tree = self._program.tree
        if tree is not None:
            table = await self._table(tree, target, window)
            if table is not None:
                return await self._cell_of(tree, table, target, window, row)
            nodes = await tree.find(window.title, "text", [f"{word} {row + 1}" for word in header])
            if len(nodes) > 1:
                raise Ambiguous
            if nodes:
                return TreePlace(self._program, tree, window, nodes[0])
            return None
        grid = await self.grid(target, window)
        column = grid.column(header) if grid is not None else None
        if grid is None or column is None or not 0 <= row - grid.first < len(grid.rows):
            return None
        return PicturePlace(self._program, window, grid.rows[row - grid.first][column])

    async def _cell_of(self, tree: Tree, table: Node, target: Target, window: Window, row: int) -> Place | None:
        headings, header = await tree.headings(table), header_of(target)
        columns = [index for index, heading in enumerate(headings) if heading in header]
        if len(columns) > 1:
            raise Ambiguous
        if not columns or row >= await tree.row_count(table):
            return None
        return TreePlace(self._program, tree, window, await tree.cell(table, row, columns[0]))

    async def _table(self, tree: Tree, target: Target, window: Window) -> Node | None:
        """The table that says of itself which rows and columns it has, when the target's ``rows`` name one by role."""
        for candidate in target.rows:
            assert isinstance(candidate, DesktopCandidate)
            if candidate.role is not None:
                nodes = await tree.find(window.title, candidate.role, candidate.name, candidate.inside)
                if len(nodes) > 1:
                    raise Ambiguous
                return nodes[0] if nodes else None
        return None

    async def grid(self, target: Target, window: Window) -> Grid | None:
        """The target's table in the picture: below its own label, or the list without frames that has a heading."""
        picture = await self._program.look(window)
        label: Box | None = None
        for candidate in target.rows:
            assert isinstance(candidate, DesktopCandidate)
            if candidate.header is not None:
                return await self._program.eyes.listing(window.title, picture, candidate.header)
            if candidate.ocr is not None:
                itself = candidate.ocr.model_copy(update={"side": "itself"})
                label = await self._program.eyes.element(window.title, picture, itself)
        return await self._program.eyes.grid(picture, label)

    async def _window(self, candidate: DesktopCandidate, target: Target, frame: str | None) -> Window | None:
        if candidate.window is None:
            return await self._program.window(frame, target.screen)
        return await self._program.shows("|".join(re.escape(word) for word in candidate.window))

    async def _by(self, candidate: DesktopCandidate, target: Target, window: Window) -> Place | None:
        ways: list[tuple[object, Callable[[DesktopCandidate, Target, Window], Awaitable[Place | None]]]] = [
            (candidate.role, self._by_role),
            (candidate.ocr, self._by_label),
            (candidate.image, self._by_image),
            (candidate.header, self._by_header),
            (candidate.key, self._by_key),
        ]
        for given, way in ways:
            if given is not None:
                return await way(candidate, target, window)
        return None

    async def _by_role(self, candidate: DesktopCandidate, target: Target, window: Window) -> Place | None:
        tree = self._program.tree
        if tree is None:
            return None
        nodes = await tree.find(window.title, str(candidate.role), candidate.name, candidate.inside)
        if len(nodes) > 1:
            raise Ambiguous
        return TreePlace(self._program, tree, window, nodes[0]) if nodes else None

    async def _by_label(self, candidate: DesktopCandidate, target: Target, window: Window) -> Place | None:
        assert candidate.ocr is not None
        picture = await self._program.look(window)
        if not self._program.eyes.know(window.title, picture, candidate.ocr.label):
            picture = await self._program.look(window, _SETTLED_S)
        box = await self._program.eyes.element(window.title, picture, candidate.ocr)
        return None if box is None else PicturePlace(self._program, window, box, candidate.ocr.stays)

    async def _by_image(self, candidate: DesktopCandidate, target: Target, window: Window) -> Place | None:
        assert candidate.image is not None
        box = await self._templates.find(await self._program.look(window), candidate.image)
        return None if box is None else PicturePlace(self._program, window, box)

    async def _by_key(self, candidate: DesktopCandidate, target: Target, window: Window) -> Place | None:
        return KeyPlace(self._program, window, pressed(str(candidate.key)))

    async def _by_header(self, candidate: DesktopCandidate, target: Target, window: Window) -> Place | None:
        """The cell in the target's row; the table is paged until the row is shown."""
        if target.row is None:
            return None
        for _ in range(_MOST_PAGES):
            place = await self.cell(target, window, target.row)
            if place is not None:
                return place
            rows = await self.rows(target, window)
            if not rows or not await self.page(target, re.escape(window.title), down=target.row > rows[-1]):
                return None
        return None


def header_of(target: Target) -> tuple[str, ...]:
    for candidate in target.candidates:
        if isinstance(candidate, DesktopCandidate) and candidate.header is not None:
            return candidate.header
    return ()


def _row_of(name: str, header: Sequence[str]) -> int | None:
    """``Material 3`` is row 2 of the column Material."""
    word, _, number = name.rpartition(" ")
    return int(number) - 1 if word in header and number.isdecimal() else None
