"""Evidence from the desktop: the window's picture, secrets and personal fields covered, and the text in it."""

from collections.abc import Mapping
from typing import Any

import cv2

from tandem.channels.desktop.accessibility import TreeError
from tandem.channels.desktop.driver import Box, DriverRefusal, Picture, Window
from tandem.channels.desktop.eyes import Ambiguous
from tandem.channels.desktop.program import Program
from tandem.channels.selectors import DesktopScreenFile, Element
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
            window = await program.driver.active()
            if window is None or window.pid != program.pid:
                windows = await program.driver.windows(program.pid)
                window = windows[-1] if windows else None
            if window is None:
                return ()
            picture = await self._masked(program, window, screen)
        except (DriverRefusal, TreeError) as error:
            event("evidence.missing", level="WARNING", system=self._system, why=str(error))
            return ()
        _, png = cv2.imencode(".png", picture)
        words = await program.eyes.words(picture)
        text = scrub(f"{window.title}\n\n" + "\n".join(word.text for word in words) + "\n")
        return (
            self._store.save("screenshot", png.tobytes(), ".png"),
            self._store.save("ocr_text", text.encode(), ".txt"),
        )

    async def _masked(self, program: Program, window: Window, screen: DesktopScreenFile | None) -> Picture:
        """The picture with every field covered that the screen file calls secret or personal."""
        picture = await program.look(window)
        elements: Mapping[str, Element[Any]] = screen.elements if screen else {}
        covered = picture.copy()
        for element in elements.values():
            if not (element.secret or element.personal):
                continue
            for candidate in element.find:
                box = await _place(program, picture, candidate)
                if box is not None:
                    cv2.rectangle(covered, (box.x, box.y), (box.right, box.bottom), _COVER, -1)
        return covered


async def _place(program: Program, picture: Picture, candidate: Any) -> Box | None:
    if candidate.ocr is None:
        return None
    try:
        return await program.eyes.element(picture, candidate.ocr)
    except Ambiguous:
        return None
