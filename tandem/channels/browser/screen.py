"""A page of the browser as the Screen a recording is replayed on."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urldefrag

from playwright.async_api import Dialog, Page, Response
from playwright.async_api import Error as PlaywrightError

from tandem.channels.browser.finding import POLL_S, Finder, Healed
from tandem.channels.browser.lifeline import attached
from tandem.channels.browser.locators import field_of
from tandem.channels.browser.page_scripts import OPTIONS, TEXT, TYPE_IN
from tandem.channels.browser.rest import Requests
from tandem.channels.browser.sending import send_once, stop_sending_once
from tandem.channels.looks import Looks
from tandem.channels.screen import Target
from tandem.channels.selectors import AnyScreenFile
from tandem.domain.clock import SystemClock
from tandem.errors import AccessRefused, LoginExpired, NotSent, ScreenNotReady, Throttled, Unavailable
from tandem.http.retry_after import retry_after_s
from tandem.log import scrub

_THROTTLED_S = 30.0
"""When the page does not say."""


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
        self._system = system
        self._url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._signs = signs
        self._find = Finder(page, system=system, timeout_s=timeout_s, healed=healed)
        self._requests = Requests(page)
        self._dialog = ""
        self._has_written = False
        page.on("dialog", self._on_dialog)

    @property
    def shown(self) -> AnyScreenFile | None:
        """The screen that was last gone to or expected."""
        return self._find.shown

    async def open(self, screen: AnyScreenFile, params: Mapping[str, Any]) -> None:
        self._find.turn_to(screen)
        self._dialog = ""
        address = f"{self._url}{screen.open or ''}"
        async with self._find.failing(screen.screen):
            await self._leave_for(address)
            response = await self.page.goto(address, wait_until="domcontentloaded", timeout=self._timeout_s * 1000)
        if response is not None:
            self._raise_status(response, screen)

    async def recognise(self, screen: AnyScreenFile, within_s: float) -> None:
        self._find.shown = screen
        looks = Looks(within_s, POLL_S)
        signs = {kind: sign for kind, sign in self._signs.items() if sign.screen != screen.screen}
        messages = [candidate for message in screen.messages.values() for candidate in message.find]
        others = [*messages, *(candidate for sign in signs.values() for candidate in sign.recognise)]
        async with self._find.failing(screen.screen):
            while await looks.again() and not await self._find.any_matches(screen.recognise):
                speaks = False
                if await self._find.any_matches(others):
                    speaks = await self._find.any_matches(messages)
                    await self._raise_sign(signs, screen)
                if looks.last or speaks:
                    raise await self._not_recognised(screen)
        self._raise_dialog()

    async def fill(self, target: Target, value: str) -> None:
        answer = await self._typed(target, value)
        held = answer.get("held")
        if held != value:
            held = await self._filled(target, value)
        if held.strip() != value.strip():
            raise ScreenNotReady(
                "{system}, screen {screen}: {element} does not hold what was entered.", **self._find.place(target)
            )
        self._raise_dialog()

    async def select(self, target: Target, value: str) -> None:
        found, offered = await self._find.one(target, OPTIONS)
        wanted = [option for option, text in offered if value in (option, text)]
        if len(wanted) != 1:
            raise ScreenNotReady(
                "{system}, screen {screen}: {element} has {count} options {value}.",
                count=len(wanted),
                value=scrub(value),
                **self._find.place(target),
            )
        async with self._find.failing(target.screen, target.name):
            await (field_of(found) if target.rows else found).select_option(wanted[0])

    async def check(self, target: Target, on: bool) -> None:
        found, _ = await self._find.one(target)
        async with self._find.failing(target.screen, target.name):
            await (field_of(found) if target.rows else found).set_checked(on)

    async def click(self, target: Target) -> None:
        self._raise_dialog()
        found, _ = await self._find.one(target)
        async with self._find.failing(target.screen, target.name):
            await found.click()

    async def double_click(self, target: Target) -> None:
        self._raise_dialog()
        found, _ = await self._find.one(target)
        async with self._find.failing(target.screen, target.name):
            await found.dblclick()

    async def press(self, keys: str, target: Target | None) -> None:
        self._raise_dialog()
        if target is None:
            async with self._find.failing(self._find.shown_name, keys):
                await self._find.answer(self.page.keyboard.press(keys))
            return
        found, _ = await self._find.one(target)
        async with self._find.failing(target.screen, target.name):
            await found.press(keys)

    async def committing(self) -> None:
        async with self._find.failing(self._find.shown_name):
            self._has_written = True
            await send_once(self.page)

    async def read(self, target: Target) -> str:
        _, text = await self._find.one(target, TEXT)
        return str(text)

    async def read_rows(self, columns: Mapping[str, Target]) -> Sequence[Mapping[str, str]]:
        first = next(iter(columns.values()))
        async with self._find.failing(first.screen, first.name):
            count = await self._find.row_count(first)
            texts = {key: await self._find.column(target, count) for key, target in columns.items()}
        return [{key: texts[key][row] for key in columns} for row in range(count)]

    async def address(self) -> str:
        return self.page.url

    async def settled(self, within_s: float) -> bool:
        async with self._find.failing(self._find.shown_name):
            rests = await self._requests.rest(self._find.document(), within_s)
        self._raise_dialog()
        return rests

    async def first_shown(self, targets: Sequence[Target], within_s: float) -> int | None:
        looks = Looks(within_s, POLL_S)
        async with self._find.failing(targets[0].screen, targets[0].name):
            while await looks.again():
                shown = await self._find.shown_of(targets)
                if shown is not None:
                    return shown
        return None

    async def gone(self, target: Target, within_s: float) -> bool:
        looks = Looks(within_s, POLL_S)
        async with self._find.failing(target.screen, target.name):
            while await looks.again():
                if await self._find.shown_of([target]) is None:
                    return True
        return False

    async def _leave_for(self, address: str) -> None:
        """Leave a page that has written, and all it still asks for. And one whose address differs in its fragment only:
        a browser would not load it anew."""
        is_same = "#" in address and urldefrag(address).url == urldefrag(self.page.url).url
        if self._has_written or is_same:
            await self.page.goto("about:blank")
        if self._has_written:
            await stop_sending_once(self.page)
            self._has_written = False
        self._requests.forget()

    async def _typed(self, target: Target, value: str) -> dict[str, str]:
        """Type into the field, waiting until it may be typed into."""
        looks = Looks(self._timeout_s, POLL_S)
        answer: dict[str, str] = {}
        while await looks.again():
            _, answer = await self._find.one(target, TYPE_IN, value)
            if answer["state"] in ("typed", "other"):
                return answer
        raise ScreenNotReady(
            "{system}, screen {screen}: {element} cannot be typed into ({why}).",
            why=answer["state"],
            **self._find.place(target),
        )

    async def _filled(self, target: Target, value: str) -> str:
        """Fill in Playwright's way: for fields that are not typed into, or that took typing otherwise."""
        found, _ = await self._find.one(target)
        field = field_of(found) if target.rows else found
        async with self._find.failing(target.screen, target.name):
            await field.fill(value)
            return await field.input_value()

    async def _raise_sign(self, signs: Mapping[type[NotSent], AnyScreenFile], screen: AnyScreenFile) -> None:
        for kind, sign in signs.items():
            if await self._find.any_matches(sign.recognise):
                raise kind(
                    "{system} shows its {sign} screen instead of {screen}.",
                    system=self._system,
                    sign=sign.screen,
                    screen=screen.screen,
                )

    async def _not_recognised(self, screen: AnyScreenFile) -> NotSent:
        self._raise_dialog()
        place: dict[str, Any] = {"system": self._system, "screen": screen.screen}
        if not (await self.page.locator("body").inner_text()).strip():
            return Unavailable("{system} shows a blank page instead of {screen}.", **place)
        return ScreenNotReady("{system} does not show screen {screen}.", **place)

    async def _on_dialog(self, dialog: Dialog) -> None:
        """A box out of nowhere is answered with no, and stops the replay; leaving a page is allowed."""
        leaves = dialog.type == "beforeunload"
        if not leaves:
            self._dialog = dialog.message or dialog.type
        with suppress(PlaywrightError):  # the box is gone with its page
            async with attached(self.page.context):
                await (dialog.accept() if leaves else dialog.dismiss())

    def _raise_dialog(self) -> None:
        if self._dialog:
            raise ScreenNotReady(
                "{system} opened a dialog: {message}", system=self._system, message=scrub(self._dialog)
            )

    def _raise_status(self, response: Response, screen: AnyScreenFile) -> None:
        place: dict[str, Any] = {"system": self._system, "screen": screen.screen, "status": response.status}
        if response.status == 429:
            told_s = retry_after_s(response.headers.get("retry-after"), SystemClock().now())
            wait_s = _THROTTLED_S if told_s is None else told_s
            raise Throttled("{system} answers screen {screen} with 429.", retry_after_s=wait_s, **place)
        if response.status == 403:
            raise AccessRefused("{system} refuses screen {screen}: 403. Give the user this permission.", **place)
        if response.status == 401:
            raise LoginExpired("{system} answers screen {screen} with 401.", **place)
        if response.status >= 500:
            raise Unavailable("{system} answers screen {screen} with {status}.", **place)
