"""Evidence from the browser: what a failed attempt showed, and patches proposed when an element was found otherwise."""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Page
from ruamel.yaml import YAML

from tandem.channels.browser.redaction import Redaction, masked
from tandem.channels.screen import Target
from tandem.channels.selectors import AnyScreenFile
from tandem.domain.evidence import Evidence
from tandem.log import event
from tandem.store.evidence import EvidenceStore

_PICTURE_TIMEOUT_MS = 5000.0


@dataclass(frozen=True)
class Heal:
    """An element that a later candidate found; ``before`` is the picture of that moment."""

    target: Target
    index: int
    before: Evidence | None


class Witness:
    """Saves evidence of one system's pages. What cannot be had (a crashed page) is left out and logged."""

    def __init__(self, system: str, store: EvidenceStore) -> None:
        self._system = system
        self._store = store
        self._proposed: set[tuple[str, str, int]] = set()

    async def failure(self, page: Page, screen: AnyScreenFile | None, *, traced: bool) -> tuple[Evidence, ...]:
        """Masked picture, page text and, where the context is traced, the trace of the attempt so far."""
        try:
            redaction = await Redaction.of(page, screen)
        except PlaywrightError:
            event("evidence.missing", level="WARNING", system=self._system, why="the page is gone")
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
            png = await page.screenshot(mask=masked(page, screen), timeout=_PICTURE_TIMEOUT_MS)
        except PlaywrightError:
            event("evidence.missing", level="WARNING", system=self._system, why="no screenshot")
            return None
        return self._store.save("screenshot", png, ".png")

    async def healed(self, page: Page, screen: AnyScreenFile | None, target: Target, index: int) -> Heal | None:
        """Log that a later candidate found the element; the first time, keep a picture for the patch."""
        event(
            "element.healed",
            level="WARNING",
            system=self._system,
            screen=target.screen,
            element=target.name,
            candidate=index + 1,
        )
        key = (target.screen, target.name, index)
        if key in self._proposed:
            return None
        self._proposed.add(key)
        return Heal(target, index, await self.picture(page, screen))

    async def propose(self, heal: Heal, page: Page, screen: AnyScreenFile | None) -> None:
        """Save the patch of the selector file for a person to review, with pictures before and after the attempt."""
        after = await self.picture(page, screen)
        find = [candidate.model_dump(exclude_none=True, mode="json") for candidate in heal.target.candidates]
        patch = {
            "screen": heal.target.screen,
            "element": heal.target.name,
            "missed": find[: heal.index],
            "find": [find[heal.index], *find[: heal.index], *find[heal.index + 1 :]],
            "before": heal.before.path if heal.before else None,
            "after": after.path if after else None,
        }
        text = StringIO()
        YAML().dump(patch, text)
        saved = self._store.save("message", text.getvalue().encode(), ".patch.yaml")
        if saved is not None:
            where = {"screen": heal.target.screen, "element": heal.target.name}
            event("patch.proposed", system=self._system, file=saved.path, **where)

    async def _page_text(self, page: Page, redaction: Redaction) -> Evidence | None:
        try:
            text = f"{page.url}\n\n{await page.locator('body').inner_text(timeout=_PICTURE_TIMEOUT_MS)}\n"
        except PlaywrightError:
            return None
        return self._store.save("page_text", redaction.text(text).encode(), ".txt")

    async def _trace(self, page: Page, redaction: Redaction) -> Evidence | None:
        with TemporaryDirectory(prefix="tandem-trace-") as folder:
            path = Path(folder) / "trace.zip"
            try:
                await page.context.tracing.stop_chunk(path=path)
            except PlaywrightError:
                return None
            return self._store.save("trace", redaction.trace(path.read_bytes()), ".zip")
