"""Names for the examples of ``--help``, of what is really there."""

from tandem.workspace.bot import bots
from tandem.workspace.roots import Roots
from tandem.workspace.sandbox import sandboxes

_BUILT_IN = Roots.of(None)


def example_vendor() -> str:
    """A vendor with a sandbox."""
    return next(iter(sandboxes(_BUILT_IN)), "acme_erp")


def example_bot() -> str:
    """A bot that comes with Tandem."""
    return next(iter(bots(_BUILT_IN)), "credit_check")


def example_recording() -> str:
    """A recording that reads, as ``tandem replay`` takes it."""
    names = (name.removesuffix(".yaml") for name in _BUILT_IN.files("recordings", ".find.browser.yaml"))
    return next(names, "acme_erp/sales_order.find.browser")
