"""A bot: one business process, known by its manifest ``bots/<bot>/bot.yaml``."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from tandem.document import closest
from tandem.errors import UsageError
from tandem.text import listed
from tandem.workspace.formats import Format
from tandem.workspace.roots import Roots
from tandem.workspace.strict import Strict, Title

FOLDER, MANIFEST = "bots", "bot.yaml"


class BotManifest(Strict):
    """``roles``: the systems the bot works with, each with the operations it performs there.

    ``poll``: what its poll performs beyond that. On a system that does not offer it the bot works on items it is given.
    """

    format: Literal[1]
    bot: str
    title: Title
    roles: dict[str, tuple[str, ...]] = Field(min_length=1)
    poll: dict[str, tuple[str, ...]] = Field(default={})


BOT = Format("bot", BotManifest)


def bots(roots: Roots) -> dict[str, Path]:
    """Every bot of the roots, each with its manifest."""
    return roots.owners(FOLDER, MANIFEST)


def manifest_of(name: str, roots: Roots) -> BotManifest:
    """The manifest of the bot of that name. Raises UsageError, WorkspaceError."""
    known = bots(roots)
    if name not in known:
        raise UsageError(
            "There is no bot {name}. Bots: {valid}.{guess}",
            name=name,
            valid=listed(known),
            guess=closest(name, list(known)),
        )
    return BOT.read(known[name])
