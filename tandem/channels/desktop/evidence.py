"""Evidence from the desktop: the window's picture, secrets and personal fields covered, and the text in it."""

from collections.abc import Collection

import cv2

from tandem.channels.desktop.accessibility import Tree, TreeError
from tandem.channels.desktop.driver import Box, DriverRefusal, Picture, Window
from tandem.channels.desktop.eyes import Ambiguous, Eyes
from tandem.channels.desktop.program import Program
from tandem.channels.selectors import DesktopCandidate, DesktopScreenFile
from tandem.domain.evidence import Evidence
from tandem.log import event, scrub
from tandem.store.evidence import EvidenceStore

_COVER = (64, 64, 64)


class Witness:
    """Saves what a failed attempt showed."""

    def __init__(self, system: str, store: EvidenceStore) -> None:
        self._system = system
        self._store = store

    async def failure(self, program: Program, screen: DesktopScreenFile | None) -> tuple[Evidence, ...]:
        """Masked picture and text of the window in front; nothing when the display has ended."""
        try:
            window = await _in_front(program)
            if window is None:
                return ()
            try:
                return await self._saved(program, program.tree, window, screen)
            except TreeError:  # frozen: what is seen is all there is
                return await self._saved(program, None, window, screen)
        except DriverRefusal as error:
            event("evidence.missing", level="WARNING", system=self._system, why=str(error))
            return ()

    async def _saved(
        self, program: Program, tree: Tree | None, window: Window, screen: DesktopScreenFile | None
    ) -> tuple[Evidence, ...]:
        picture = await program.look(window)
        covered = picture.copy()
        for candidate in _hidden(screen):
            for box in await _places(program.eyes, tree, window, picture, candidate):
                cv2.rectangle(covered, (box.x, box.y), (box.right, box.bottom), _COVER, -1)
        _, png = cv2.imencode(".png", covered)
        if tree is None:
            texts = [word.text for word in await program.eyes.words(covered)]
        else:
            texts = await _texts(tree, window, _hidden_names(screen))
        text = scrub(f"{window.title}\n\n" + "\n".join(texts) + "\n")
        saved = (
            self._store.save("screenshot", png.tobytes(), ".png"),
            self._store.save("ocr_text" if tree is None else "page_text", text.encode(), ".txt"),
        )
        return tuple(evidence for evidence in saved if evidence is not None)


async def _in_front(program: Program) -> Window | None:
    """The program's window that has the keyboard, or else its newest."""
    active = await program.driver.active()
    if active is not None and active.pid == program.pid:
        return active
    windows = await program.driver.windows(program.pid)
    return windows[-1] if windows else None


def _hidden(screen: DesktopScreenFile | None) -> list[DesktopCandidate]:
    """The ways to find what must not be seen."""
    elements = screen.elements.values() if screen else ()
    return [candidate for each in elements if each.secret or each.personal for candidate in each.find]


def _hidden_names(screen: DesktopScreenFile | None) -> set[str]:
    return {name for candidate in _hidden(screen) for name in candidate.name or ()}


async def _places(
    eyes: Eyes, tree: Tree | None, window: Window, picture: Picture, candidate: DesktopCandidate
) -> list[Box]:
    """Where it is in the window's picture; by the tree if there is one, since reading a picture takes seconds."""
    if tree is not None:
        if candidate.role is None:
            return []
        nodes = await tree.find(window.title, candidate.role, candidate.name)
        return [(await tree.box(node)).moved(-window.box.x, -window.box.y) for node in nodes]
    if candidate.ocr is None:
        return []
    try:
        box = await eyes.element(window.title, picture, candidate.ocr)
    except Ambiguous:
        return [Box(0, 0, picture.shape[1], picture.shape[0])]
    return [] if box is None else [box]


async def _texts(tree: Tree, window: Window, hidden: Collection[str]) -> list[str]:
    """What can be read in the window, a line each."""
    lines = []
    for node in await tree.nodes(window.title):
        content = await tree.text(node) if node.role == "text" and node.name not in hidden else ""
        lines.append(f"{node.name} {content}".strip())
    return [line for line in lines if line]
