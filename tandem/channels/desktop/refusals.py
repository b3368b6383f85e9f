"""What it means for a write when the platform, the program or its tree refuse."""

from typing import Any

from tandem.channels.desktop.accessibility import TreeError
from tandem.channels.desktop.driver import REFUSALS, DriverRefusal
from tandem.errors import NotOffered, NotSent, ScreenNotReady, Unavailable


def not_sent(error: DriverRefusal | TreeError, **place: Any) -> NotSent:
    """The class of tandem.errors. ``place``: system and screen, for the sentence."""
    if isinstance(error, TreeError):
        return ScreenNotReady("{system}, screen {screen}: {why}.", why=error, **place)
    if error.kind == "missing":
        return NotOffered(
            "{system} cannot be used by its desktop client: a program of the desktop is missing. Run: {why}",
            why=error.why,
            **place,
        )
    if error.kind == "program":
        return NotOffered(
            "{system}: its desktop client cannot be started: {why}. Correct desktop.command in tandem.yaml.",
            why=error.why,
            **place,
        )
    if error.kind == "gone":
        return Unavailable("{system}: the display of its desktop client has ended. {why}", why=error.why, **place)
    return ScreenNotReady("{system}, screen {screen}: {what}. {why}", what=REFUSALS[error.kind], why=error.why, **place)
