"""Evidence from the desktop: the window's picture, secrets and personal fields covered, and the text in it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import cv2

from tandem.channels.desktop.accessibility import Node, Tree, TreeError
from tandem.channels.desktop.driver import Box, DriverRefusal, Picture, Window
from tandem.channels.desktop.eyes import Eyes
from tandem.channels.desktop.grid import Ambiguous
from tandem.channels.desktop.program import Program
from tandem.channels.desktop.screen import DesktopScreen
from tandem.channels.library import Screens
from tandem.channels.proposals import Heal, Proposals
from tandem.channels.screen import Target
from tandem.channels.selectors import DesktopCandidate, DesktopScreenFile
from tandem.domain.channel import Healing
from tandem.domain.evidence import Evidence
from tandem.log import event, scrub
from tandem.store.evidence import EvidenceStore

_COVER = (64, 64, 64)


@dataclass(frozen=True)
class View:
    """One look at a window; ``picture`` shows nothing of what stands at ``covers``."""

    window: Window
    picture: Picture
    covers: tuple[Box, ...]


class Witness:
    """Saves what a failed attempt showed, and what an element looked like that was found otherwise."""

    def __init__(self, system: str, store: EvidenceStore, screens: Screens) -> None:
        self._system = system
        self._store = store
        self._proposals = Proposals(system, store, screens)

    async def failure(self, screen: DesktopScreen) -> tuple[Evidence, ...]:
        """Masked picture and text of the window in front; nothing when the display has ended."""
        try:
            seen = await _view(screen)
            if seen is None:
                return ()
            view, tree = seen
            saved = (self._picture(view), await self._text(screen.program.eyes, view, tree))
        except DriverRefusal as error:
            event("evidence.missing", level="WARNING", system=self._system, why=str(error))
            return ()
        return tuple(evidence for evidence in saved if evidence is not None)

    async def picture(self, screen: DesktopScreen) -> Evidence | None:
        """The window in front as it is seen, secrets and personal fields covered."""
        try:
            seen = await _view(screen)
        except DriverRefusal as error:
            event("evidence.missing", level="WARNING", system=self._system, why=str(error))
            return None
        return None if seen is None else self._picture(seen[0])

    async def healed(self, screen: DesktopScreen, target: Target, index: int) -> Heal:
        """Log that a later candidate found the element; the first time, keep a picture for the patch."""
        return await self._proposals.healed(target, index, partial(self.picture, screen))

    async def propose(self, heal: Heal, screen: DesktopScreen) -> Healing:
        """What was healed, with the patch for a person to review."""
        return await self._proposals.propose(heal, partial(self.picture, screen))

    def _picture(self, view: View) -> Evidence | None:
        _, png = cv2.imencode(".png", view.picture)
        return self._store.save("screenshot", png.tobytes(), ".png")

    async def _text(self, eyes: Eyes, view: View, tree: Tree | None) -> Evidence | None:
        if tree is None:
            texts = [word.text for word in await eyes.words(view.picture)]
        else:
            try:
                texts = await _texts(tree, view)
            except TreeError as error:
                event("evidence.missing", level="WARNING", system=self._system, why=str(error))
                return None
        text = scrub(f"{view.window.title}\n\n" + "\n".join(texts) + "\n")
        return self._store.save("ocr_text" if tree is None else "page_text", text.encode(), ".txt")


async def _view(screen: DesktopScreen) -> tuple[View, Tree | None] | None:
    """The window in front, and the tree if it answers: of a frozen program what is seen is all there is."""
    program, tree = screen.program, screen.program.tree
    window = await _in_front(program)
    if window is None:
        return None
    picture = await program.look(window)
    try:
        covers = await _covers(program.eyes, tree, window, picture, screen.shown)
        if tree is not None:
            await tree.nodes(window.title)
    except TreeError:
        tree = None
        covers = await _covers(program.eyes, None, window, picture, screen.shown)
    covered = picture.copy()
    for box in covers:
        cv2.rectangle(covered, (box.x, box.y), (box.right, box.bottom), _COVER, -1)
    return View(window, covered, tuple(covers)), tree


async def _in_front(program: Program) -> Window | None:
    """The program's window that has the keyboard, or else its newest."""
    active = await program.driver.active()
    if active is not None and active.pid == program.pid:
        return active
    windows = await program.driver.windows(program.pid)
    return windows[-1] if windows else None


async def _covers(
    eyes: Eyes, tree: Tree | None, window: Window, picture: Picture, screen: DesktopScreenFile | None
) -> list[Box]:
    """What must not be seen in the picture: all of it where the screen has something to hide that is not found."""
    everything = [Box(0, 0, picture.shape[1], picture.shape[0])]
    is_of_screen = screen is not None and re.fullmatch(screen.frame or ".*", window.title) is not None
    covers: list[Box] = []
    for ways in _hidden(screen):
        try:
            found = await _places(eyes, tree, window, picture, ways)
        except Ambiguous:
            return everything
        if not found and is_of_screen:
            return everything
        covers += found
    return covers


def _hidden(screen: DesktopScreenFile | None) -> list[tuple[DesktopCandidate, ...]]:
    """The ways to find each element and column that must not be seen."""
    if screen is None:
        return []
    columns = [column for table in screen.tables.values() for column in table.columns.values()]
    return [each.find for each in (*screen.elements.values(), *columns) if each.secret or each.personal]


async def _places(
    eyes: Eyes, tree: Tree | None, window: Window, picture: Picture, ways: Sequence[DesktopCandidate]
) -> list[Box]:
    """Where it is in the window's picture; by the tree if it is there, since reading a picture takes seconds."""
    if tree is not None:
        boxes = [await tree.box(node) for way in ways for node in await _nodes(tree, window, way)]
        if boxes:
            return [box.moved(-window.box.x, -window.box.y) for box in boxes]
    found = [await eyes.element(window.title, picture, way.ocr) for way in ways if way.ocr is not None]
    return [box for box in found if box is not None]


async def _nodes(tree: Tree, window: Window, way: DesktopCandidate) -> list[Node]:
    if way.role is not None:
        return await tree.find(window.title, way.role, way.name)
    if way.header is not None:
        cells = await tree.find(window.title, "text", None)
        return [cell for cell in cells if cell.name.rpartition(" ")[0] in way.header]
    return []


async def _texts(tree: Tree, view: View) -> list[str]:
    """What can be read in the window, a line each, but for what is covered."""
    lines = []
    for node in await tree.nodes(view.window.title):
        content = await tree.text(node) if node.role == "text" and not await _is_covered(tree, node, view) else ""
        lines.append(f"{node.name} {content}".strip())
    return [line for line in lines if line]


async def _is_covered(tree: Tree, node: Node, view: View) -> bool:
    if not view.covers:
        return False
    x, y = (await tree.box(node)).moved(-view.window.box.x, -view.window.box.y).centre
    return any(cover.x <= x <= cover.right and cover.y <= y <= cover.bottom for cover in view.covers)
