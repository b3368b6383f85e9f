"""The browser as a channel: carries attempts by replaying recordings on a system's web screens."""

import asyncio
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.async_api import BrowserContext, Page, StorageState
from playwright.async_api import Error as PlaywrightError

from tandem.channels.browser.chromium import Chromium
from tandem.channels.browser.lifeline import attached
from tandem.channels.browser.outcomes import not_sent
from tandem.channels.browser.screen import BrowserScreen
from tandem.channels.browser.sessions import Session
from tandem.channels.browser.settings import BrowserSettings
from tandem.channels.browser.witness import Witness
from tandem.channels.library import Recordings, Screens
from tandem.channels.proposals import Heal
from tandem.channels.recording import LOGIN
from tandem.channels.replayer import Replayer, Said
from tandem.channels.screen import Target
from tandem.channels.selectors import AnyScreenFile
from tandem.domain.channel import Attempt, Healing
from tandem.domain.evidence import Evidence
from tandem.domain.operation import ChannelName
from tandem.domain.record import Record
from tandem.errors import LoginExpired, NotSent, TandemError, Unavailable
from tandem.log import event
from tandem.store.evidence import EvidenceStore
from tandem.vault import Vault

_SIGNS: Mapping[str, type[NotSent]] = {LOGIN: LoginExpired, "maintenance": Unavailable}
"""Screens that mean something wherever they are shown."""
_LOCALES = {"en": "en-GB", "zh": "zh-CN"}
_ANSWER_S = 30.0
"""How long a browser may take to open, trace and close a page."""
_FAILED_READS = 256
"""So many of the reads that failed last are remembered."""


@dataclass
class _Seat:
    """A context with its one page, logged in with the session of this number, used by one attempt at a time."""

    context: BrowserContext
    screen: BrowserScreen
    session_number: int
    heals: list[Heal]
    is_traced: bool = False


class BrowserChannel:
    """Web screens of one system. ``settings`` is its ``browser:`` block, ``vendor_settings`` its ``settings:``.

    ``session_file``: where the sealed login is kept between processes; None: in memory only.
    """

    def __init__(
        self,
        system: str,
        settings: BrowserSettings,
        recordings: Recordings,
        screens: Screens,
        vault: Vault,
        evidence: EvidenceStore,
        *,
        vendor_settings: Mapping[str, Any] | None = None,
        session_file: Path | None = None,
        said: Said | None = None,
    ) -> None:
        self._system = system
        self._settings = settings
        self._recordings = recordings
        self._vendor_settings = dict(vendor_settings or {})
        self._replayer = Replayer(system, screens, settings.notation, said)
        self._signs: Mapping[type[NotSent], AnyScreenFile] = {
            kind: screens.screen(name) for name, kind in _SIGNS.items() if screens.has(name)
        }
        self._session = Session(vault, session_file, system=system, user=settings.username)
        self._failed_reads: deque[tuple[str, str]] = deque(maxlen=_FAILED_READS)
        self._session_number = 0
        self._expired_number = -1
        self._witness = Witness(system, evidence, screens)
        self._chromium = Chromium(settings.executable, headless=settings.headless)
        self._free = asyncio.Semaphore(settings.pages)
        self._idle: list[_Seat] = []
        self._logging_in = asyncio.Lock()

    @property
    def name(self) -> ChannelName:
        return "browser"

    async def perform(self, attempt: Attempt) -> Record:
        """Replay the operation's recording. Raises NotSent, Rejected or UnknownOutcome, with evidence.

        A write is traced, and a read that failed before in the same run: it can be tried again, and tracing costs much.
        """
        recording = self._recordings.recording(attempt.operation.name)
        read = attempt.operation.name, attempt.correlation_id
        context = {recording.request: attempt.request, "settings": self._vendor_settings}
        async with self._free:
            seat = await self._take_seat(traced=attempt.operation.writes or read in self._failed_reads)
            reusable = False
            try:
                result = await self._replayer.replay(
                    recording, seat.screen, context, attempt.operation.result.model_validate
                )
                reusable = True
            except TandemError as error:
                if not seat.is_traced:
                    self._failed_reads.append(read)
                error.evidence = await self._failure(seat)
                if isinstance(error, LoginExpired):
                    self._expired_number = max(self._expired_number, seat.session_number)
                raise
            finally:
                attempt.healings.extend(await self._leave_seat(seat, reusable=reusable))
        assert isinstance(result, Record)
        return result

    async def login(self) -> None:
        """Log in afresh, unless another attempt has done so since the session expired. Raises AccessRefused."""
        async with self._logging_in:
            if self._session_number > self._expired_number and self._session.state is not None:
                return
            await self._log_in()

    async def aclose(self) -> None:
        """Close the pages; the browser ends with its last user."""
        while self._idle:
            await _close(self._idle.pop().context)
        await self._chromium.aclose()

    async def _log_in(self) -> None:
        recording = self._recordings.recording(LOGIN)
        settings = self._settings
        credentials = {"username": settings.username, "password": settings.password.get_secret_value()}
        seat = await self._new_seat(None)
        try:
            await self._replayer.replay(
                recording, seat.screen, {"login": credentials, "settings": self._vendor_settings}, dict
            )
            async with attached(seat.context, _ANSWER_S):
                self._session.keep(await seat.context.storage_state())
        except TandemError as error:
            error.evidence = await self._failure(seat)
            raise
        except PlaywrightError as error:
            raise not_sent(error, **self._place) from error
        finally:
            await self._healings(seat)
            await _close(seat.context)
        self._session_number += 1
        event("session.opened", system=self._system, channel=self.name)

    async def _take_seat(self, *, traced: bool) -> _Seat:
        """An idle page of the present session, or a new one; logged in first when there is no session."""
        if self._session.state is None and LOGIN in self._recordings.operations:
            await self.login()
        while self._idle:
            seat = self._idle.pop()
            if seat.session_number != self._session_number or seat.screen.page.is_closed():
                await _close(seat.context)
                continue
            with suppress(NotSent):
                return await self._begun(seat, traced)
        return await self._begun(await self._new_seat(self._session.state), traced)

    async def _begun(self, seat: _Seat, traced: bool) -> _Seat:
        """The seat for the next attempt, traced or not. Raises NotSent, and closes it, when its page is gone."""
        try:
            async with attached(seat.context, _ANSWER_S):
                if traced:
                    await seat.context.tracing.start(snapshots=True)
                    seat.is_traced = True
        except BaseException as error:
            await _close(seat.context)
            if isinstance(error, PlaywrightError):
                raise not_sent(error, **self._place) from error
            raise
        return seat

    async def _leave_seat(self, seat: _Seat, *, reusable: bool) -> list[Healing]:
        """Keep the page for the next attempt if this one succeeded; what failed is not trusted again.

        Answers with what was healed on it.
        """
        healings = await self._healings(seat)
        if reusable and await _untraced(seat):
            self._idle.append(seat)
        else:
            await _close(seat.context)
        return healings

    async def _failure(self, seat: _Seat) -> tuple[Evidence, ...]:
        return await self._witness.failure(seat.screen.page, seat.screen.shown, traced=seat.is_traced)

    async def _healings(self, seat: _Seat) -> list[Healing]:
        found = [await self._witness.propose(heal, seat.screen.page, seat.screen.shown) for heal in seat.heals]
        seat.heals.clear()
        return found

    async def _new_seat(self, state: StorageState | None) -> _Seat:
        browser = await self._chromium.browser()
        try:
            async with attached(browser, _ANSWER_S):
                context = await browser.new_context(
                    storage_state=state, locale=_LOCALES[self._settings.language], service_workers="block"
                )
            page = await self._page_of(context)
        except PlaywrightError as error:
            raise not_sent(error, **self._place) from error
        heals: list[Heal] = []
        return _Seat(context, self._screen(page, heals), self._session_number, heals)

    async def _page_of(self, context: BrowserContext) -> Page:
        """The page of a new context, which is closed when it cannot be had."""
        try:
            context.set_default_timeout(self._settings.timeout_s * 1000)
            async with attached(context, _ANSWER_S):
                return await context.new_page()
        except BaseException:
            await _close(context)
            raise

    @property
    def _place(self) -> dict[str, str]:
        return {"system": self._system, "screen": "(none)", "element": "the page"}

    def _screen(self, page: Page, heals: list[Heal]) -> BrowserScreen:
        async def healed(target: Target, index: int) -> None:
            if all((heal.target.screen, heal.target.name) != (target.screen, target.name) for heal in heals):
                heals.append(await self._witness.healed(page, screen.shown, target, index))

        screen = BrowserScreen(
            page,
            system=self._system,
            url=self._settings.url,
            timeout_s=self._settings.timeout_s,
            healed=healed,
            signs=self._signs,
        )
        return screen


async def _untraced(seat: _Seat) -> bool:
    """Let go of the trace of an attempt that succeeded; False when the page is gone."""
    try:
        async with attached(seat.context, _ANSWER_S):
            if seat.is_traced:
                await seat.context.tracing.stop()
                seat.is_traced = False
    except PlaywrightError:
        return False
    return True


async def _close(context: BrowserContext) -> None:
    """Close a context; one that is gone already is closed."""
    with suppress(PlaywrightError):
        async with attached(context, _ANSWER_S):
            await context.close()
