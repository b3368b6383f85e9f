"""Evidence from the browser: what a failed attempt showed, and patches proposed when an element was found otherwise."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page

from tandem.channels.browser.lifeline import attached
from tandem.channels.browser.redaction import Redaction, masked
from tandem.channels.library import Screens
from tandem.channels.proposals import Heal, Proposals
from tandem.channels.screen import Target
from tandem.channels.selectors import AnyScreenFile
from tandem.domain.channel import Healing
from tandem.domain.evidence import Evidence
from tandem.log import event
from tandem.store.evidence import EvidenceStore

_PICTURE_TIMEOUT_MS = 5000.0
_ANSWER_S = 10.0
"""How long a page may take to tell what stands in it: one whose script never ends would not answer at all."""


class Witness:
    """Saves evidence of one system's pages. What a crashed or hanging page does not give is left out and logged."""

    def __init__(self, system: str, store: EvidenceStore, screens: Screens) -> None:
        self._system = system
        self._store = store
        self._proposals = Proposals(system, store, screens)

    async def failure(self, page: Page, screen: AnyScreenFile | None, *, traced: bool) -> tuple[Evidence, ...]:
        """Masked picture, page text and, where the context is traced, the trace of the attempt so far."""
        try:
            async with attached(page.context, _ANSWER_S):
                redaction = await Redaction.of(page, screen)
        except PlaywrightError:
            event("evidence.missing", level="WARNING", system=self._system, why="the page is gone, or hangs")
            return ()
        saved = [
            await self.picture(page, screen),
            await self._page_text(page, redaction),
            await self._trace(page, redaction) if traced else None,
        ]
        return tuple(evidence for evidence in saved if evidence is not None)

    async def picture(self, page: Page, screen: AnyScreenFile | None) -> Evidence | None:
        """The page as it is seen, secrets and personal fields covered."""
        try:
            async with attached(page.context):
                png = await page.screenshot(mask=masked(page, screen), timeout=_PICTURE_TIMEOUT_MS)
        except PlaywrightError:
            event("evidence.missing", level="WARNING", system=self._system, why="no screenshot")
            return None
        return self._store.save("screenshot", png, ".png")

    async def healed(self, page: Page, screen: AnyScreenFile | None, target: Target, index: int) -> Heal:
        """Log that a later candidate found the element; the first time, keep a picture for the patch."""
        return await self._proposals.healed(target, index, partial(self.picture, page, screen))

    async def propose(self, heal: Heal, page: Page, screen: AnyScreenFile | None) -> Healing:
        """What was healed, with the patch for a person to review."""
        return await self._proposals.propose(heal, partial(self.picture, page, screen))

    async def _page_text(self, page: Page, redaction: Redaction) -> Evidence | None:
        try:
            async with attached(page.context):
                text = await page.locator("body").inner_text(timeout=_PICTURE_TIMEOUT_MS)
        except PlaywrightError:
            return None
        return self._store.save("page_text", redaction.text(f"{page.url}\n\n{text}\n").encode(), ".txt")

    async def _trace(self, page: Page, redaction: Redaction) -> Evidence | None:
        with TemporaryDirectory(prefix="tandem-trace-") as folder:
            path = Path(folder) / "trace.zip"
            try:
                async with attached(page.context, _ANSWER_S):
                    await page.context.tracing.stop_chunk(path=path)
            except PlaywrightError:
                return None
            return self._store.save("trace", redaction.trace(path.read_bytes()), ".zip")
