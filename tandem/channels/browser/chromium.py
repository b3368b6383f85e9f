"""One Chromium for the whole process, started when first needed and closed with its last user."""

import asyncio
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

from playwright.async_api import Browser, Playwright, async_playwright
from playwright.async_api import Error as PlaywrightError

from tandem.channels.browser.lifeline import attached
from tandem.errors import NotOffered, Unavailable
from tandem.log import event

_WINDOWLESS = "/usr/lib/chromium/chromium-headless-shell"
"""Chromium without what draws windows: a new context at a quarter of the CPU, work in it at half."""
_PLACES = (
    "/usr/lib/chromium/chromium",
    "/usr/bin/chromium",
    "/usr/bin/google-chrome",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
)
_END_S = 30.0
"""How long a browser may take to end."""


@dataclass
class _Shared:
    """The browser of one event loop, and how many channels use it."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    playwright: Playwright | None = None
    browser: Browser | None = None
    users: int = 0


_shared: WeakKeyDictionary[asyncio.AbstractEventLoop, _Shared] = WeakKeyDictionary()


class Chromium:
    """A channel's lease of the process's browser."""

    def __init__(self, executable: Path | None, *, headless: bool) -> None:
        self._executable = executable
        self._headless = headless
        self._shared: _Shared | None = None

    async def browser(self) -> Browser:
        """The running browser; started, or started again after a crash. Raises NotOffered, Unavailable."""
        shared = self._shared or _shared.setdefault(asyncio.get_running_loop(), _Shared())
        async with shared.lock:
            if self._shared is None:
                self._shared = shared
                shared.users += 1
            if shared.playwright is not None and not await _answers(shared.playwright):
                await _close(shared)
            if shared.browser is None or not shared.browser.is_connected():
                shared.playwright = shared.playwright or await async_playwright().start()
                shared.browser = await self._launch(shared.playwright)
            return shared.browser

    async def aclose(self) -> None:
        """Give the lease back; the last one closes the browser."""
        shared, self._shared = self._shared, None
        if shared is None:
            return
        async with shared.lock:
            shared.users -= 1
            if shared.users == 0:
                await _close(shared)

    async def _launch(self, playwright: Playwright) -> Browser:
        path = executable(self._executable, installed(playwright, headless=self._headless))
        arguments = [*_QUIET, *(("--no-sandbox",) if _is_root() else ())]
        try:
            browser = await playwright.chromium.launch(
                executable_path=path, headless=self._headless, args=arguments, chromium_sandbox=not _is_root()
            )
        except PlaywrightError as error:
            raise NotOffered(
                "Chromium at {path} does not start: {why}. Run it once by hand, or set browser.executable.",
                path=path,
                why=error.message.strip().splitlines()[0][:160],
            ) from error
        event("browser.started", version=browser.version)
        return browser


def executable(configured: Path | None, installed: Iterable[Path]) -> Path:
    """The Chromium to use: the configured one, else the first installed. Raises NotOffered."""
    if configured is not None:
        if not configured.exists():
            raise NotOffered("There is no browser at {path}. Correct browser.executable.", path=configured)
        return configured
    for path in installed:
        if path.exists():
            return path
    raise NotOffered(
        "No Chromium is installed. Install it with: apt-get install chromium (or: playwright install chromium)."
    )


def installed(playwright: Playwright, *, headless: bool) -> Iterator[Path]:
    """Where a Chromium may be: the system's without windows if none is wanted, Playwright's own, then the system's."""
    if headless:
        yield Path(_WINDOWLESS)
        yield from _found("chromium-headless-shell")
    yield Path(playwright.chromium.executable_path)
    yield from map(Path, _PLACES)
    yield from _found("chromium", "chromium-browser", "google-chrome")


def _found(*names: str) -> Iterator[Path]:
    for name in names:
        path = shutil.which(name)
        if path:
            yield Path(path)


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


async def _answers(playwright: Playwright) -> bool:
    """Whether the driver between us and the browser lives: nothing else tells that it has died.

    Raises Unavailable for one that neither answers nor has died: other attempts may be under way through it.
    """
    try:
        async with asyncio.timeout(_END_S):
            await (await playwright.request.new_context()).dispose()
    except PlaywrightError:
        return False
    except TimeoutError:
        raise Unavailable("The driver of the browser gives no answer within {seconds} s.", seconds=_END_S) from None
    return True


async def _close(shared: _Shared) -> None:
    browser, playwright = shared.browser, shared.playwright
    shared.browser = shared.playwright = None
    if browser is not None:
        with suppress(PlaywrightError):  # it is gone already
            async with attached(browser, _END_S):
                await browser.close()
    if playwright is not None:
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await playwright.stop()
