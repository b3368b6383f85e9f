"""A page of the browser as the Screen a recording is replayed on."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from playwright.async_api import Dialog, Locator, Page, Response
from playwright.async_api import Error as PlaywrightError

from tandem.channels.browser.locators import Scope, field_of, located
from tandem.channels.browser.outcomes import not_sent
from tandem.channels.screen import Target
from tandem.channels.selectors import AnyScreenFile, BrowserCandidate
from tandem.errors import AccessRefused, LoginExpired, NotSent, ScreenNotReady, Throttled, Unavailable
from tandem.log import scrub

HEAL_AFTER_S = 1.0
"""How long the first candidate alone is looked for: a page that is still building is no changed page."""
_POLL_S = 0.04
_THROTTLED_S = 30.0
_TEXT = """element => {
  const field = element.matches('input, select, textarea') ? element
    : element.querySelector('input:not([type=hidden]), select, textarea');
  if (!field) return element.innerText;
  if (field.tagName === 'SELECT') return field.selectedOptions.length ? field.selectedOptions[0].text : '';
  return field.value;
}"""
_TEXTS = f"elements => elements.map({_TEXT})"

Healed = Callable[[Target, int], Awaitable[None]]
"""Told when a later candidate had to be used: the target, and the index of the candidate."""


class BrowserScreen:
    """One page. ``signs``: screens that mean something by being shown at all, such as the login screen."""

    def __init__(
        self,
        page: Page,
        *,
        system: str,
        url: str,
        timeout_s: float,
        healed: Healed,
        signs: Mapping[type[NotSent], AnyScreenFile],
    ) -> None:
        self.page = page
        self.shown: AnyScreenFile | None = None
        self._system = system
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._healed = healed
        self._signs = signs
        self._dialog = ""
        page.on("dialog", self._on_dialog)

    async def open(self, screen: AnyScreenFile, params: Mapping[str, Any]) -> None:
        self.shown, self._dialog = screen, ""
        address = f"{self._url}{screen.open or ''}"
        with self._failing(screen.screen):
            response = await self.page.goto(address, wait_until="domcontentloaded", timeout=self._timeout_s * 1000)
        if response is not None:
            self._raise_status(response)

    async def recognise(self, screen: AnyScreenFile, within_s: float) -> None:
        self.shown = screen
        deadline = time.monotonic() + within_s
        signs = {kind: sign for kind, sign in self._signs.items() if sign.screen != screen.screen}
        with self._failing(screen.screen):
            while True:
                if await self._is_shown(screen):
                    return
                for kind, sign in signs.items():
                    if await self._is_shown(sign):
                        raise kind(
                            "{system} shows its {sign} screen instead of {screen}.",
                            system=self._system,
                            sign=sign.screen,
                            screen=screen.screen,
                        )
                if time.monotonic() >= deadline or await self._has_message(screen):
                    raise await self._not_recognised(screen)
                await asyncio.sleep(_POLL_S)

    async def fill(self, target: Target, value: str) -> None:
        field = await self._field(target)
        with self._failing(target.screen, target.name):
            await field.fill(value)
            held = await field.input_value()
        if held.strip() != value.strip():
            raise ScreenNotReady(
                "{system}, screen {screen}: {element} does not hold what was entered.", **self._place(target)
            )

    async def select(self, target: Target, value: str) -> None:
        field = await self._field(target)
        with self._failing(target.screen, target.name):
            offered = await field.evaluate("field => [...field.options].map(o => [o.value, o.text.trim()])")
            wanted = [option for option, text in offered if value in (option, text)]
            if len(wanted) != 1:
                raise ScreenNotReady(
                    "{system}, screen {screen}: {element} offers {count} options {value}.",
                    count=len(wanted),
                    value=scrub(value),
                    **self._place(target),
                )
            await field.select_option(wanted[0])

    async def check(self, target: Target, on: bool) -> None:
        field = await self._field(target)
        with self._failing(target.screen, target.name):
            await field.set_checked(on)

    async def click(self, target: Target) -> None:
        found = await self._one(target)
        with self._failing(target.screen, target.name):
            await found.click()

    async def press(self, keys: str, target: Target | None) -> None:
        with self._failing(target.screen if target else "", target.name if target else keys):
            if target is None:
                await self.page.keyboard.press(keys)
            else:
                await (await self._one(target)).press(keys)

    async def read(self, target: Target) -> str:
        found = await self._one(target)
        with self._failing(target.screen, target.name):
            text: str = await found.evaluate(_TEXT)
        return text

    async def read_rows(self, columns: Mapping[str, Target]) -> Sequence[Mapping[str, str]]:
        first = next(iter(columns.values()))
        with self._failing(first.screen, first.name):
            rows = self._rows(first)
            count = await rows.count()
            texts = {key: await self._column(rows, target, count) for key, target in columns.items()}
        return [{key: texts[key][row] for key in columns} for row in range(count)]

    async def first_shown(self, targets: Sequence[Target], within_s: float) -> int | None:
        deadline = time.monotonic() + within_s
        with self._failing(targets[0].screen, targets[0].name):
            while True:
                for index, target in enumerate(targets):
                    if await self._is_any_shown(target):
                        return index
                if time.monotonic() >= deadline:
                    return None
                await asyncio.sleep(_POLL_S)

    async def gone(self, target: Target, within_s: float) -> bool:
        deadline = time.monotonic() + within_s
        with self._failing(target.screen, target.name):
            while await self._is_any_shown(target):
                if time.monotonic() >= deadline:
                    return False
                await asyncio.sleep(_POLL_S)
        return True

    def found_by(self, target: Target, candidate: Any) -> Locator:
        """What one candidate of a target matches now, visible elements only."""
        scope: Scope = self._rows(target).nth(target.row) if target.row is not None else self._scope
        return located(scope, candidate)

    @property
    def _scope(self) -> Scope:
        frame = self.shown.frame if self.shown else None
        return self.page.frame_locator(frame) if frame else self.page

    def _rows(self, target: Target) -> Locator:
        candidate = target.rows[0]
        assert isinstance(candidate, BrowserCandidate)
        return located(self._scope, candidate)

    async def _one(self, target: Target) -> Locator:
        """The one visible element the target means. Raises ScreenNotReady when there is none, or more than one."""
        started = time.monotonic()
        with self._failing(target.screen, target.name):
            while True:
                waited = time.monotonic() - started
                for index, candidate in enumerate(target.candidates[: None if waited >= HEAL_AFTER_S else 1]):
                    found = self.found_by(target, candidate)
                    count = await found.count()
                    if count > 1:
                        raise ScreenNotReady(
                            "{system}, screen {screen}: {element} is ambiguous: {count} elements match {candidate}.",
                            count=count,
                            candidate=_told(candidate),
                            **self._place(target),
                        )
                    if count == 1:
                        if index:
                            await self._healed(target, index)
                        return found
                self._raise_dialog()
                if waited >= self._timeout_s:
                    raise ScreenNotReady("{system}, screen {screen}: {element} is missing.", **self._place(target))
                await asyncio.sleep(_POLL_S)

    async def _field(self, target: Target) -> Locator:
        """The one field the target means; in a table, the field inside the cell."""
        found = await self._one(target)
        return field_of(found) if target.row is not None else found

    async def _column(self, rows: Locator, target: Target, count: int) -> list[str]:
        for candidate in target.candidates:
            assert isinstance(candidate, BrowserCandidate)
            texts: list[str] = await located(rows, candidate).evaluate_all(_TEXTS)
            if len(texts) == count:
                return texts
        raise ScreenNotReady(
            "{system}, screen {screen}: column {element} is not found exactly once in each of {count} rows.",
            count=count,
            **self._place(target),
        )

    async def _is_any_shown(self, target: Target) -> bool:
        for candidate in target.candidates:
            if await self.found_by(target, candidate).count():
                return True
        return False

    async def _is_shown(self, screen: AnyScreenFile) -> bool:
        for candidate in screen.recognise:
            assert isinstance(candidate, BrowserCandidate)
            if await located(self._scope, candidate).count() == 1:
                return True
        return False

    async def _has_message(self, screen: AnyScreenFile) -> bool:
        for message in screen.messages.values():
            for candidate in message.find:
                assert isinstance(candidate, BrowserCandidate)
                if await located(self._scope, candidate).count():
                    return True
        return False

    async def _not_recognised(self, screen: AnyScreenFile) -> NotSent:
        self._raise_dialog()
        if not (await self.page.locator("body").inner_text()).strip():
            return Unavailable("{system} shows a blank page instead of {screen}.", **self._on(screen.screen))
        return ScreenNotReady("{system} does not show screen {screen}.", **self._on(screen.screen))

    async def _on_dialog(self, dialog: Dialog) -> None:
        """A box out of nowhere is answered with no, and stops the replay; leaving a page is allowed."""
        if dialog.type == "beforeunload":
            await dialog.accept()
            return
        self._dialog = dialog.message or dialog.type
        await dialog.dismiss()

    def _raise_dialog(self) -> None:
        if self._dialog:
            raise ScreenNotReady(
                "{system} opened a dialog: {message}", system=self._system, message=scrub(self._dialog)
            )

    def _raise_status(self, response: Response) -> None:
        place: dict[str, Any] = {"system": self._system, "status": response.status}
        if response.status == 429:
            raise Throttled("{system} answers its page with 429.", retry_after_s=_THROTTLED_S, **place)
        if response.status == 403:
            raise AccessRefused("{system} refuses the page: 403. Give the user this permission.", **place)
        if response.status == 401:
            raise LoginExpired("{system} answers its page with 401.", **place)
        if response.status >= 500:
            raise Unavailable("{system} answers its page with {status}.", **place)

    @contextmanager
    def _failing(self, screen: str, element: str = "the page") -> Iterator[None]:
        """Playwright's exceptions inside become those of tandem.errors."""
        try:
            yield
        except PlaywrightError as error:
            raise not_sent(error, element=element, **self._on(screen)) from error

    def _on(self, screen: str) -> dict[str, Any]:
        return {"system": self._system, "screen": screen}

    def _place(self, target: Target) -> dict[str, Any]:
        return {"element": target.name, **self._on(target.screen)}


def _told(candidate: Any) -> str:
    return str(candidate.model_dump(exclude_none=True))
