"""Every exception class of Playwright has an outcome."""

import importlib
import pkgutil

import playwright
import pytest
from playwright.async_api import Error as PlaywrightError

from tandem.channels.browser.outcomes import not_sent
from tandem.errors import NotSent, ScreenNotReady, Unavailable, Unreachable

PLACE = {"system": "erp", "screen": "form", "element": "save"}
MAPPED = {
    "Error": ScreenNotReady,
    "TimeoutError": ScreenNotReady,
    "TargetClosedError": Unavailable,
    "AbortError": ScreenNotReady,
    "ValidationError": ScreenNotReady,
}


def exception_classes() -> dict[str, type[PlaywrightError]]:
    """All of Playwright's own, every module loaded."""
    for module in pkgutil.walk_packages(playwright.__path__, "playwright."):
        if not module.name.endswith("__main__") and ".driver" not in module.name:
            importlib.import_module(module.name)
    found, waiting = {}, [PlaywrightError]
    while waiting:
        cls = waiting.pop()
        found[cls.__name__] = cls
        waiting += cls.__subclasses__()
    return found


def test_every_exception_class_of_playwright_is_mapped() -> None:
    assert set(exception_classes()) == set(MAPPED)


@pytest.mark.parametrize("name", MAPPED)
def test_exception_class_becomes_its_outcome(name: str) -> None:
    cls = exception_classes()[name]
    error = cls() if name == "TargetClosedError" else cls("it failed")
    assert type(not_sent(error, **PLACE)) is MAPPED[name]


@pytest.mark.parametrize(
    ("code", "outcome"),
    [
        ("ERR_CONNECTION_REFUSED", Unreachable),
        ("ERR_NAME_NOT_RESOLVED", Unreachable),
        ("ERR_CERT_AUTHORITY_INVALID", Unreachable),
        ("ERR_SSL_PROTOCOL_ERROR", Unreachable),
        ("ERR_CONNECTION_RESET", Unavailable),
        ("ERR_EMPTY_RESPONSE", Unavailable),
        ("ERR_TIMED_OUT", Unavailable),
        ("ERR_ABORTED", Unavailable),
    ],
)
def test_network_error_tells_unreachable_from_unavailable(code: str, outcome: type[NotSent]) -> None:
    assert type(not_sent(PlaywrightError(f"Page.goto: net::{code} at http://erp/"), **PLACE)) is outcome


@pytest.mark.parametrize("text", ["Target crashed", "Browser has been closed", "Connection closed while reading"])
def test_lost_browser_is_unavailable(text: str) -> None:
    assert type(not_sent(PlaywrightError(text), **PLACE)) is Unavailable


def test_values_of_a_call_are_not_told() -> None:
    told = str(not_sent(PlaywrightError('Locator.fill: cannot fill "Ada Lovelace"\nCall log: ...'), **PLACE))
    assert "Ada" not in told
    assert "Call log" not in told
