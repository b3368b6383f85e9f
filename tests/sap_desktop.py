"""The SAP sandbox with its desktop client, and a desktop channel on it."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from fixtures.sap_s4hana.sandbox import CREDENTIALS, Switches
from tandem.channels.desktop.channel import DesktopChannel
from tandem.channels.desktop.settings import DesktopSettings
from tandem.channels.library import Recordings, Screens
from tandem.channels.notation import Notation
from tandem.store.evidence import EvidenceStore
from tests.sap_pages import ROOT, VENDOR_SETTINGS, SapPages, sap_pages

DAYS = {"zh": "%Y.%m.%d", "en": "%m/%d/%Y"}


@dataclass
class SapDesktop:
    """A running sandbox and a channel that starts its client when it is first used."""

    sandbox: SapPages
    channel: DesktopChannel
    evidence: EvidenceStore


def client_command(url: str, language: str, *options: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "fixtures.sap_s4hana.desktop", "--url", url, "--language", language, *options)


@asynccontextmanager
async def sap_desktop(
    folder: Path,
    *rules: str,
    language: str = "zh",
    tree: bool = True,
    options: tuple[str, ...] = (),
    selectors: tuple[Path, ...] = (),
    display: Literal["own", "user"] = "own",
    switches: Switches = Switches(),  # noqa: B008 - frozen
) -> AsyncIterator[SapDesktop]:
    """``tree`` False: the client offers no accessibility tree, as behind a remote desktop.

    ``selectors``: folders that come before ours, image templates included.
    """
    unseen = () if tree else ("--no-accessibility",)
    async with sap_pages(*rules, language=language, switches=switches) as sandbox:
        settings = DesktopSettings(
            command=client_command(sandbox.url, language, *unseen, *options),
            username=CREDENTIALS["username"],
            password=CREDENTIALS["password"],
            notation=Notation(day=DAYS[language]),
            display=display,
        )
        evidence = EvidenceStore(folder)
        channel = DesktopChannel(
            "erp",
            settings,
            Recordings([ROOT / "recordings" / "sap_s4hana"], "desktop"),
            Screens([*selectors, ROOT / "selectors" / "sap_s4hana"], "desktop"),
            evidence,
            folders=selectors,
            vendor_settings=VENDOR_SETTINGS,
        )
        try:
            yield SapDesktop(sandbox, channel, evidence)
        finally:
            await channel.aclose()
