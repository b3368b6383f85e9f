"""A vendor: one product, known by its manifest ``api_clients/<vendor>/vendor.yaml``."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field

from tandem.document import closest
from tandem.domain.operation import CHANNELS, ChannelName
from tandem.errors import UsageError
from tandem.http.settings import Quota
from tandem.text import listed
from tandem.workspace import code
from tandem.workspace.formats import Format
from tandem.workspace.roots import Roots
from tandem.workspace.strict import Strict, Title

FOLDER, MANIFEST = "api_clients", "vendor.yaml"


class Ladder(Strict):
    """The ordered channels of one operation, and the vendor's times (seconds).

    ``settle_s``: how long after an unknown outcome the vendor may still commit. ``late_s``: when to look once more for
    a late twin of a write that was sent again. ``look_first``: read back before the first attempt too, for a vendor
    without uniqueness of its own. ``round_waits_s``: the pauses before the whole ladder is tried again.
    ``confirms``: the answer says how much was granted (an order's quantities, against stock), and nothing is granted
    twice; without it a check and the write after it are kept together by a lock.
    """

    ladder: tuple[ChannelName, ...] = Field(min_length=1)
    settle_s: float = Field(default=60.0, ge=0)
    late_s: float = Field(default=900.0, ge=0)
    look_first: bool = False
    round_waits_s: tuple[float, ...] = (1.0, 20.0)
    confirms: bool = False


class VendorManifest(Strict):
    """``roles``: what a bot may use a system of this vendor as, such as crm or erp."""

    format: Literal[1]
    vendor: str
    title: Title
    roles: tuple[str, ...] = Field(min_length=1)
    operations: dict[str, Ladder] = Field(min_length=1)
    quota: Quota | None = None


VENDOR = Format("vendor", VendorManifest)


class NoSettings(Strict):
    """The settings of a vendor that has none of its own."""


class Vendor:
    """What is known of one vendor over all roots."""

    def __init__(self, name: str, manifest: VendorManifest, roots: Roots) -> None:
        self.name, self.manifest, self.roots = name, manifest, roots

    @property
    def settings_model(self) -> type[BaseModel]:
        """The model of ``settings`` of its systems: ``Settings`` of its operations, or without an API of its settings.

        Raises WorkspaceError.
        """
        module = self.operations_module() or code.module(FOLDER, self.name, "settings")
        model: type[BaseModel] = getattr(module, "Settings", NoSettings)
        return model

    def operations_module(self) -> Any:
        """``api_clients.<vendor>.operations``; None when the vendor has no API. Raises WorkspaceError."""
        return code.module(FOLDER, self.name, "operations")

    def webhook_module(self) -> Any:
        """``api_clients.<vendor>.webhook``: its ``WebhookSettings``, and ``webhook`` of them, a Proof; None without.

        Raises WorkspaceError.
        """
        return code.module(FOLDER, self.name, "webhook")

    def function(self, operation: str) -> Callable[..., Any] | None:
        """The API rung of an operation."""
        return getattr(self.operations_module(), operation.replace(".", "_"), None)

    def recording(self, operation: str, channel: ChannelName) -> Path | None:
        """The screen rung of an operation."""
        return self.roots.file("recordings", self.name, f"{operation}.{channel}.yaml")

    def missing_rungs(self, operation: str) -> list[ChannelName]:
        """The channels of the operation's ladder that nothing carries."""
        ladder = self.manifest.operations[operation].ladder
        return [channel for channel in CHANNELS if channel in ladder and not self._carries(operation, channel)]

    def _carries(self, operation: str, channel: ChannelName) -> bool:
        if channel == "api":
            return self.function(operation) is not None
        return self.recording(operation, channel) is not None


def vendors(roots: Roots) -> dict[str, Path]:
    """Every vendor of the roots, each with its manifest."""
    return roots.owners(FOLDER, MANIFEST)


def vendor_named(name: str, roots: Roots) -> Vendor:
    """The vendor of that name. Raises UsageError, WorkspaceError."""
    known = vendors(roots)
    if name not in known:
        raise UsageError(
            "There is no vendor {name}. Vendors: {valid}.{guess}",
            name=name,
            valid=listed(known),
            guess=closest(name, list(known)),
        )
    return Vendor(name, VENDOR.read(known[name]), roots)
