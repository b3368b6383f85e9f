"""The cells of the fault matrix: which fault strikes which request, on which ladder, of which kind of vendor."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tandem.domain.operation import ChannelName

SETTLE_S = 0.7
LATE_S = 2.3
WITHIN_S, BEYOND_S = 0.3, 1.7
"""A late commit that the read-back still waits for, and one that comes after it was believed absent."""

VendorKind = Literal["key", "natural", "blind"]
KINDS: tuple[VendorKind, ...] = ("key", "natural", "blind")
"""``key``: the vendor refuses a second document with the reference. ``natural``: it stores it, and can be asked.
``blind``: it stores it, and offers nothing to ask or to cancel with."""

LADDERS: dict[str, tuple[ChannelName, ...]] = {
    "api": ("api",),
    "browser": ("browser",),
    "desktop": ("desktop",),
    "api→browser": ("api", "browser"),
    "browser→desktop": ("browser", "desktop"),
}
FOUND_BY: dict[str, tuple[ChannelName, ...]] = {
    "api": ("api",),
    "browser": ("api", "browser"),
    "desktop": ("api", "desktop"),
    "api→browser": ("api", "browser"),
    "browser→desktop": ("browser", "desktop"),
}
"""How the read-back is carried. The last is a vendor without an API: nothing written twice there can be cancelled."""

_SANDBOX_NAME: dict[ChannelName, str] = {"api": "api", "browser": "web", "desktop": "gui"}
_SCREENS = ("browser", "desktop")


@dataclass(frozen=True)
class Strike:
    """A fault at a moment of the first rung's work.

    ``at``: ``commit`` strikes the request that writes, ``view`` one that only shows a screen. ``also``: faults that
    strike the read-back meanwhile. ``mends``: the order is made without a person, where it can be read back.
    ``always``: how often a rung is struck that is to fail for good; a vendor that throttles for ever is waited for.
    ``access``: struck for good it is a refused login, which no other rung may walk around.
    """

    name: str
    kind: str
    at: Literal["commit", "view"] = "commit"
    parameter: str = ""
    channels: tuple[ChannelName, ...] = ("api", "browser", "desktop")
    also: tuple[str, ...] = ()
    mends: bool = True
    lasts_s: float = 0.0
    always: str = "1"
    access: bool = False

    def rules(self, channel: ChannelName, amount: str) -> list[str]:
        """For the sandbox's fault plan."""
        where = f"{_SANDBOX_NAME[channel]}/{'sales_order.create' if self.at == 'commit' else 'read'}"
        if self.at == "commit" and channel != "api":
            where = f"{_SANDBOX_NAME[channel]}/write"
        tail = f":{self.parameter}" if self.parameter else ""
        return [f"{self.kind}:{where}:{amount}{tail}", *self.also]


def _late(kind: str) -> Iterator[Strike]:
    for word, seconds in (("within settling", WITHIN_S), ("after settling", BEYOND_S)):
        yield Strike(f"{kind}, {word}", kind, parameter=f"{seconds}", lasts_s=seconds)


_ALL = (
    Strike("refuse", "refuse", parameter="0.3"),
    Strike("reset_before_commit", "reset_before_commit"),
    Strike("reset_after_commit", "reset_after_commit"),
    Strike("lost_answer", "lost_answer"),
    Strike("late_answer", "late_answer", parameter="2", lasts_s=2.0),
    *_late("late_commit"),
    *_late("silent_late_commit"),
    Strike("throttle", "throttle", parameter="1", always="x3"),
    Strike("error_500_before_commit", "error_500_before_commit"),
    Strike("error_500_after_commit", "error_500_after_commit"),
    Strike("error_503_before_commit", "error_503_before_commit"),
    Strike("error_503_after_commit", "error_503_after_commit"),
    Strike("maintenance", "maintenance"),
    Strike("expired_token", "expired_token", access=True),
    Strike("locked", "locked", mends=False),
    Strike("csrf_expired", "csrf_expired", channels=("api",), access=True),
    Strike("stale_etag", "stale_etag", channels=("api",)),
    Strike("lost_answer, read-back 503 once", "lost_answer", also=("error_503_before_commit:sales_order.find:x1",)),
    Strike(
        "lost_answer, read-back in maintenance",
        "lost_answer",
        also=("maintenance:api/sales_order.find:1", "maintenance:web/read:1", "maintenance:gui/sales_order.find:1"),
        mends=False,
    ),
    Strike("wrong_field", "wrong_field", channels=_SCREENS, mends=False),
    Strike("swapped", "swapped", channels=_SCREENS, mends=False),
    Strike("truncated", "truncated", parameter="6", channels=_SCREENS, mends=False),
    Strike("rounded", "rounded", channels=_SCREENS, mends=False),
    Strike("silent_noop", "silent_noop", channels=_SCREENS, mends=False),
    *(
        Strike(
            f"{kind} before the form",
            kind,
            at="view",
            parameter=parameter,
            channels=("browser",),
            always="x3" if kind == "throttle" else "1",
            access=kind == "expired_token",
        )
        for kind, parameter in (
            ("refuse", "0.3"),
            ("reset_before_commit", ""),
            ("late_answer", "4"),
            ("throttle", "1"),
            ("error_500_before_commit", ""),
            ("error_503_before_commit", ""),
            ("maintenance", ""),
            ("expired_token", ""),
            ("changed_dom", ""),
            ("frozen", "4"),
            ("popup", ""),
            ("dead_button", ""),
        )
    ),
    *(
        Strike(f"{kind} after saving", kind, parameter=parameter, channels=("desktop",))
        for kind, parameter in (("changed_dom", ""), ("frozen", "4"), ("popup", ""))
    ),
)


@dataclass(frozen=True)
class Cell:
    """One case. On a ladder of two rungs the fault strikes every try of the first; on a single rung, its first try."""

    strike: Strike
    ladder: str
    kind: VendorKind

    @property
    def name(self) -> str:
        return f"{self.strike.name}-{self.ladder}-{self.kind}"

    @property
    def channels(self) -> tuple[ChannelName, ...]:
        return LADDERS[self.ladder]

    @property
    def rules(self) -> list[str]:
        return self.strike.rules(self.channels[0], self.strike.always if len(self.channels) > 1 else "x1")

    @property
    def reference(self) -> str:
        """The order's external reference: at most 35 characters, and its own."""
        return f"M-{hashlib.blake2b(self.name.encode(), digest_size=8).hexdigest()}"

    @property
    def mends(self) -> bool:
        """Whether the order has to be made without a person."""
        return self.strike.mends and self.kind != "blind" and not self.is_refused

    @property
    def is_refused(self) -> bool:
        """Whether the vendor lets nobody in: nothing may be made, by no rung."""
        return self.strike.access and len(self.channels) > 1


ALL: Sequence[Cell] = tuple(
    Cell(strike, ladder, kind)
    for ladder, channels in LADDERS.items()
    for strike in _ALL
    if channels[0] in strike.channels
    for kind in KINDS
)


def trios(*, nightly: bool) -> list[tuple[Cell, ...]]:
    """The three kinds of vendor under one strike on one ladder: those of every change, or those of the night only."""
    together = [ALL[first : first + len(KINDS)] for first in range(0, len(ALL), len(KINDS))]
    return [tuple(cells) for cells in together if _is_nightly(cells[0]) == nightly]


def _is_nightly(cell: Cell) -> bool:
    """What descends or needs a desktop takes a night; every change is tested with one fault there."""
    return cell.ladder not in ("api", "browser") and cell.strike.name != "lost_answer"
