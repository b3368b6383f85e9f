"""What an exception of Playwright means: always that a step did not happen, as far as this channel can tell.

Whether the business write may have been sent all the same is the replayer's to say: it knows the commit step.
"""

import re
from typing import Any

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeout

from tandem.errors import NotSent, ScreenNotReady, Unavailable, Unreachable

_NET = re.compile(r"net::(ERR_[A-Z_]+)")
_NEVER_CONNECTED = re.compile(
    r"ERR_(CONNECTION_REFUSED|CONNECTION_TIMED_OUT|NAME_|ADDRESS_|INTERNET_|CERT_|SSL_|PROXY_|TUNNEL_|BAD_SSL)"
)
_GONE = re.compile(r"has been closed|crashed|Connection closed|disconnected", re.IGNORECASE)


def not_sent(error: PlaywrightError, **place: Any) -> NotSent:
    """The class of tandem.errors for an exception. ``place``: system, screen and element, for the sentence."""
    text = error.message
    net = _NET.search(text)
    if net is not None:
        return _of_network(net.group(1), place)
    if _GONE.search(text):
        return Unavailable("{system}: the browser page of screen {screen} was closed or crashed.", **place)
    if isinstance(error, PlaywrightTimeout):
        return ScreenNotReady("{system}, screen {screen}: {element} did not become ready in time.", **place)
    return ScreenNotReady(
        "{system}, screen {screen}: {element} could not be used: {why}", why=_first_line(text), **place
    )


def _of_network(code: str, place: dict[str, Any]) -> NotSent:
    if _NEVER_CONNECTED.match(code):
        return Unreachable("{system} cannot be reached by the browser for screen {screen}: {why}.", why=code, **place)
    return Unavailable("{system}: screen {screen} was not loaded: {why}.", why=code, **place)


def _first_line(text: str) -> str:
    """The first line without the values of a call: they may be personal."""
    line = text.strip().splitlines()[0] if text.strip() else "no reason given"
    return re.sub(r"\"[^\"]*\"|'[^']*'", "…", line)[:160]
