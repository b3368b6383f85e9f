"""What must not stand in evidence: secrets, session cookies, and the content of fields marked personal."""

import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import Any

from playwright.async_api import Locator, Page

from tandem.channels.browser.locators import Scope, located
from tandem.channels.selectors import AnyScreenFile, BrowserCandidate, Element
from tandem.log import scrub

_MASK = "***"
_SHORTEST = 3
_KEPT = re.compile(r"\.(trace|network|stacks|css)$")
_TEXTS = "elements => elements.map(e => e.matches('input, select, textarea') ? e.value : e.innerText)"


def masked(page: Page, screen: AnyScreenFile | None) -> list[Locator]:
    """The elements a picture must not show: password fields, and elements marked secret or personal."""
    hidden = [page.locator("input[type=password]")]
    if screen is not None:
        scope: Scope = page.frame_locator(screen.frame) if screen.frame else page
        hidden += _found(scope, screen.elements.values())
        for table in screen.tables.values():
            for row in _browser(table.rows):
                hidden += _found(located(scope, row), table.columns.values())
    return hidden


class Redaction:
    """Replaces the values collected from a page, in text and in a trace."""

    def __init__(self, values: Iterable[str]) -> None:
        self._values = sorted({value for value in values if len(value) >= _SHORTEST}, key=len, reverse=True)

    @staticmethod
    async def of(page: Page, screen: AnyScreenFile | None) -> "Redaction":
        """With the session's cookies and what stands in the page's hidden elements now."""
        values = [cookie["value"] for cookie in await page.context.cookies()]
        for locator in masked(page, screen):
            values += [text.strip() for text in await locator.evaluate_all(_TEXTS)]
        return Redaction(values)

    def text(self, text: str) -> str:
        """The text without the values, registered secrets, addresses and phone numbers."""
        for value in self._values:
            text = text.replace(value, _MASK)
        return scrub(text)

    def trace(self, trace: bytes) -> bytes:
        """The same for a Playwright trace (a zip file). Bodies of requests and answers are left out, but for styles."""
        cleaned = BytesIO()
        with (
            zipfile.ZipFile(BytesIO(trace)) as source,
            zipfile.ZipFile(cleaned, "w", zipfile.ZIP_DEFLATED) as target,
        ):
            for entry in filter(_KEPT.search, source.namelist()):
                text = source.read(entry).decode("utf-8", "surrogateescape")
                target.writestr(entry, self._of_json(text).encode("utf-8", "surrogateescape"))
        return cleaned.getvalue()

    def _of_json(self, text: str) -> str:
        for value in self._values:
            for form in {json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]}:
                text = text.replace(form, _MASK)
        return scrub(text)


def _found(scope: Scope, elements: Iterable[Element[Any]]) -> list[Locator]:
    hidden = (element for element in elements if element.secret or element.personal)
    return [located(scope, candidate) for element in hidden for candidate in _browser(element.find)]


def _browser(candidates: Iterable[object]) -> Iterator[BrowserCandidate]:
    return (candidate for candidate in candidates if isinstance(candidate, BrowserCandidate))
