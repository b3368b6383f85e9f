"""The desktop as a channel: carries attempts by replaying recordings on a system's desktop client."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.channels.desktop.accessibility import Tree, TreeError
from tandem.channels.desktop.driver import Driver, DriverRefusal
from tandem.channels.desktop.evidence import Witness
from tandem.channels.desktop.eyes import Eyes
from tandem.channels.desktop.ocr import Ocr
from tandem.channels.desktop.program import Program
from tandem.channels.desktop.refusals import not_sent
from tandem.channels.desktop.screen import DesktopScreen
from tandem.channels.desktop.settings import DesktopSettings
from tandem.channels.library import Recordings, Screens
from tandem.channels.proposals import Heal
from tandem.channels.recording import LOGIN, Recording
from tandem.channels.replayer import Replayer, Said
from tandem.channels.screen import Target
from tandem.domain.channel import Attempt, Healing
from tandem.domain.clock import Clock, SystemClock
from tandem.domain.operation import ChannelName
from tandem.domain.record import Record
from tandem.errors import NotOffered, TandemError, Unavailable
from tandem.log import event
from tandem.store.evidence import EvidenceStore

_POLL_S = 0.1
_TREE_WITHIN_S = 1.0
"""How long a client may take to offer its tree once its window is shown; at least as long as that took."""


class DesktopChannel:
    """The desktop client of one system, one attempt at a time. ``settings`` is its ``desktop:`` block.

    ``folders`` are the vendor's selector folders, for image templates. A client that failed is ended and started anew.
    """

    def __init__(
        self,
        system: str,
        settings: DesktopSettings,
        recordings: Recordings,
        screens: Screens,
        evidence: EvidenceStore,
        *,
        folders: Sequence[Path] = (),
        vendor_settings: Mapping[str, Any] | None = None,
        clock: Clock | None = None,
        said: Said | None = None,
    ) -> None:
        self._system = system
        self._settings = settings
        self._recordings = recordings
        self._folders = folders
        self._vendor_settings = dict(vendor_settings or {})
        self._clock = clock or SystemClock()
        self._replayer = Replayer(system, screens, settings.notation, said)
        self._witness = Witness(system, evidence, screens)
        self._heals: list[Heal] = []
        self._healings: list[Healing] = []
        self._eyes = Eyes(Ocr())
        self._driver: Driver | None = None
        self._screen: DesktopScreen | None = None
        self._turn = asyncio.Lock()

    @property
    def name(self) -> ChannelName:
        return "desktop"

    async def perform(self, attempt: Attempt) -> Record:
        """Replay the operation's recording. Raises NotSent, Rejected or UnknownOutcome, with evidence."""
        recording = self._recordings.recording(attempt.operation.name)
        context = {recording.request: attempt.request, "settings": self._vendor_settings}
        async with self._turn:
            try:
                result = await self._replayed(recording, context, attempt.operation.result)
            finally:
                attempt.healings.extend(self._healings)
                self._healings.clear()
        return result

    async def login(self) -> None:
        """End the client, start it anew and log in. Raises AccessRefused."""
        async with self._turn:
            await self._end_client()
            await self._client()

    async def aclose(self) -> None:
        """End the client and the display."""
        async with self._turn:
            await self._end_client()
            if self._driver is not None:
                await self._driver.aclose()
                self._driver = None

    async def _replayed(self, recording: Recording, context: Mapping[str, Any], result: type[Record]) -> Record:
        screen = await self._client()
        reusable = False
        try:
            await self._usable(screen)
            found: Record = await self._replayer.replay(recording, screen, context, result.model_validate)
            reusable = True
            return found
        except TandemError as error:
            error.evidence = await self._witness.failure(screen)
            raise
        finally:
            await self._propose()
            if not reusable:
                await self._end_client()

    async def _healed(self, target: Target, index: int) -> None:
        known = {(heal.target.screen, heal.target.name) for heal in self._heals}
        if self._screen is not None and (target.screen, target.name) not in known:
            self._heals.append(await self._witness.healed(self._screen, target, index))

    async def _propose(self) -> None:
        """Patches for what was healed, while the client still shows how the attempt went on."""
        if self._screen is not None:
            self._healings += [await self._witness.propose(heal, self._screen) for heal in self._heals]
        self._heals.clear()

    async def _client(self) -> DesktopScreen:
        """The client, started and logged in."""
        if self._screen is None:
            try:
                program = await self._start()
            except (DriverRefusal, TreeError) as error:
                await self._give_up_display(error)
                raise not_sent(error, system=self._system, screen="start") from error
            self._screen = DesktopScreen(program, self._folders, self._healed)
            await self._log_in(self._screen)
        return self._screen

    async def _start(self) -> Program:
        settings = self._settings
        if self._driver is None:
            self._driver = await _driver(self._system, settings)
        pid = await self._driver.start(settings.command, settings.environment)
        started = self._clock.monotonic_s()
        while not await _in_front(self._driver, pid):
            if self._clock.monotonic_s() - started > settings.starts_within_s:
                await self._driver.stop(pid)
                raise Unavailable(
                    "{system}: its desktop client shows no window in front within {seconds} s.",
                    system=self._system,
                    seconds=f"{settings.starts_within_s:g}",
                )
            await self._clock.sleep(_POLL_S)
        tree = await self._tree(pid, max(_TREE_WITHIN_S, self._clock.monotonic_s() - started))
        event("client.started", system=self._system, accessibility=tree is not None)
        return Program(self._system, self._driver, pid, tree, self._eyes, settings.notation, settings.answers_within_s)

    async def _tree(self, pid: int, within_s: float) -> Tree | None:
        """The client's tree; None when it offers none. A client joins the bus some time after its window is shown."""
        bus = self._driver.accessibility_bus if self._driver else None
        deadline = self._clock.monotonic_s() + within_s
        while bus:
            tree = await Tree.of(bus, pid, self._settings.answers_within_s)
            if tree is not None or self._clock.monotonic_s() > deadline:
                return tree
            await self._clock.sleep(_POLL_S)
        return None

    async def _log_in(self, screen: DesktopScreen) -> None:
        if LOGIN not in self._recordings.operations:
            return
        login = {"username": self._settings.username, "password": self._settings.password.get_secret_value()}
        try:
            await self._usable(screen)
            context = {"login": login, "settings": self._vendor_settings}
            await self._replayer.replay(self._recordings.recording(LOGIN), screen, context, dict)
        except TandemError as error:
            error.evidence = await self._witness.failure(screen)
            await self._propose()
            await self._end_client()
            raise
        await self._propose()
        event("session.opened", system=self._system, channel=self.name)

    async def _usable(self, screen: DesktopScreen) -> None:
        try:
            await screen.program.check_usable()
        except (DriverRefusal, TreeError) as error:
            raise not_sent(error, system=self._system, screen=screen.name) from error

    async def _end_client(self) -> None:
        if self._screen is None or self._driver is None:
            return
        program, self._screen = self._screen.program, None
        if program.tree is not None:
            program.tree.close()
        try:
            await self._driver.stop(program.pid)
        except DriverRefusal as error:
            await self._give_up_display(error)

    async def _give_up_display(self, error: DriverRefusal | TreeError) -> None:
        """A display whose host has ended is of no more use."""
        event("display.lost", level="WARNING", system=self._system, why=str(error))
        if self._driver is not None:
            driver, self._driver = self._driver, None
            await driver.aclose()


async def _in_front(driver: Driver, pid: int) -> bool:
    active = await driver.active()
    return active is not None and active.pid == pid


async def _driver(system: str, settings: DesktopSettings) -> Driver:
    """The driver for this platform. Raises NotOffered where there is none, DriverRefusal."""

    if sys.platform != "linux":
        raise NotOffered(
            "{system}: the desktop channel drives X11 displays on Linux; there is no driver for {platform} yet.",
            system=system,
            platform=sys.platform,
        )
    from tandem.channels.desktop.x11.driver import X11Driver

    display = os.environ.get("DISPLAY") if settings.display == "user" else None
    if settings.display == "user" and not display:
        raise NotOffered(
            "{system}: there is no display to use. Set desktop.display: own in tandem.yaml, or start Tandem on a "
            "graphical session.",
            system=system,
        )
    return await X11Driver.on(display, (settings.width, settings.height))
