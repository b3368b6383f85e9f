"""Finds the one element a recording means: candidates in order, exactly one visible match, or not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import reduce
from typing import Any, TypeVar

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Locator, Page

from tandem.channels.browser.lifeline import attached
from tandem.channels.browser.locators import Scope, located
from tandem.channels.browser.outcomes import not_sent
from tandem.channels.browser.page_scripts import NOTHING, TEXT, of_each, of_the_only_one
from tandem.channels.looks import Looks
from tandem.channels.screen import Target
from tandem.channels.selectors import AnyCandidate, AnyScreenFile, BrowserCandidate
from tandem.errors import ScreenNotReady

HEAL_AFTER_S = 1.0
"""How long the first candidate alone is looked for: a page that is still building is no changed page.

Once one element of a page was found otherwise, its page has changed, and the others are not waited for.
"""
POLL_S = 0.02

T = TypeVar("T")
Healed = Callable[[Target, int], Awaitable[None]]
"""Told when a later candidate had to be used: the target, and the index of the candidate."""


class Finder:
    """Elements of one page. ``shown`` is the screen file whose frame is looked into."""

    def __init__(self, page: Page, *, system: str, timeout_s: float, healed: Healed) -> None:
        self._page = page
        self._system = system
        self._timeout_s = timeout_s
        self._healed = healed
        self._patience_s = HEAL_AFTER_S
        self.shown: AnyScreenFile | None = None

    def turn_to(self, screen: AnyScreenFile) -> None:
        """Look into a page that is being loaded."""
        self.shown = screen
        self._patience_s = HEAL_AFTER_S

    async def one(self, target: Target, script: str = NOTHING, argument: Any = None) -> tuple[Locator, Any]:
        """The element and what the script answers on it. Raises ScreenNotReady: none within the time, or several."""
        looks = Looks(self._timeout_s, POLL_S)
        async with self.failing(target.screen, target.name):
            while await looks.again():
                tried = target.candidates if looks.for_s >= self._patience_s else target.candidates[:1]
                for index, candidate in enumerate(tried):
                    found = self._found_by(target, candidate)
                    if index and await self._count(found) == 1:
                        await self._healed(target, index)
                        self._patience_s = 0
                    asked = found.evaluate_all(of_the_only_one(script), argument)
                    count, *answer = await self.answer(asked)
                    if count > 1:
                        raise ScreenNotReady(
                            "{system}, screen {screen}: {element} is ambiguous: {count} elements match {candidate}.",
                            count=count,
                            candidate=candidate.model_dump(exclude_none=True),
                            **self.place(target),
                        )
                    if answer:
                        return found, answer[0]
        raise ScreenNotReady("{system}, screen {screen}: {element} is missing.", **self.place(target))

    async def shown_of(self, targets: Sequence[Target]) -> int | None:
        """The index of the first target of which any candidate matches a visible element now.

        Mostly it is the last, with messages before it that are not shown: they are asked for together first.
        """
        found = [self._any_of(target) for target in targets]
        if not found or not await self._count(_either(found)):
            return None
        before = found[:-1]
        begin = 0 if before and await self._count(_either(before)) else len(before)
        for index, locator in enumerate(found[begin:], begin):
            if await self._count(locator):
                return index
        return None

    async def any_matches(self, candidates: Sequence[AnyCandidate]) -> bool:
        """Whether any of these candidates matches a visible element of the screen now."""
        found = [located(self._scope, _of_browser(candidate)) for candidate in candidates]
        return bool(found) and bool(await self._count(_either(found)))

    def document(self) -> Locator:
        """The html element of the screen: of the page, or of its frame."""
        return self._scope.locator("html")

    async def row_count(self, target: Target) -> int:
        """How many rows the table has that the target's column belongs to."""
        return await self._count(self._rows(target))

    async def column(self, target: Target, count: int) -> list[str]:
        """The texts of a column, one for each of so many rows. Raises ScreenNotReady when they do not match up."""
        rows = self._rows(target)
        for index, candidate in enumerate(target.candidates):
            texts: list[str] = await self.answer(located(rows, _of_browser(candidate)).evaluate_all(of_each(TEXT)))
            if len(texts) == count:
                if index:
                    await self._healed(target, index)
                return texts
        raise ScreenNotReady(
            "{system}, screen {screen}: column {element} is not found exactly once in each of {count} rows.",
            count=count,
            **self.place(target),
        )

    async def answer(self, question: Awaitable[T]) -> T:
        """What the page answers. Raises ScreenNotReady after the time: a page whose script never ends gives no answer,
        and most questions of Playwright's have no limit of their own.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                return await question
        except TimeoutError:
            raise ScreenNotReady(
                "{system}, screen {screen}: the page gave no answer within {seconds} s.",
                system=self._system,
                screen=self.shown_name,
                seconds=f"{self._timeout_s:g}",
            ) from None

    @asynccontextmanager
    async def failing(self, screen: str, element: str = "the page") -> AsyncIterator[None]:
        """Playwright's exceptions inside become those of tandem.errors, and so does the browser's end."""
        try:
            async with attached(self._page.context):
                yield
        except PlaywrightError as error:
            raise not_sent(error, system=self._system, screen=screen, element=element) from error

    def place(self, target: Target) -> dict[str, Any]:
        """Where a target is, for an error's fields."""
        return {"system": self._system, "screen": target.screen, "element": target.name}

    @property
    def shown_name(self) -> str:
        """The name of the screen that is looked into; empty before the first."""
        return self.shown.screen if self.shown else ""

    @property
    def _scope(self) -> Scope:
        frame = self.shown.frame if self.shown else None
        return self._page.frame_locator(frame) if frame else self._page

    async def _count(self, found: Locator) -> int:
        return await self.answer(found.count())

    def _rows(self, target: Target) -> Locator:
        return located(self._scope, _of_browser(target.rows[0]))

    def _found_by(self, target: Target, candidate: AnyCandidate) -> Locator:
        scope: Scope = self._rows(target).nth(target.row) if target.row is not None else self._scope
        return located(scope, _of_browser(candidate))

    def _any_of(self, target: Target) -> Locator:
        return _either([self._found_by(target, candidate) for candidate in target.candidates])


def _either(locators: Sequence[Locator]) -> Locator:
    """What any of them matches: one question instead of several."""
    return reduce(lambda one, other: one.or_(other), locators)


def _of_browser(candidate: AnyCandidate) -> BrowserCandidate:
    assert isinstance(candidate, BrowserCandidate), "a browser's screen file has browser candidates only"
    return candidate
