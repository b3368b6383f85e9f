"""The port that the browser and the desktop implement, so that one replayer drives both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from tandem.channels.selectors import AnyCandidate, AnyScreenFile, Kind


@dataclass(frozen=True)
class Target:
    """One element as a recording names it, its candidates filled in, in order.

    For a cell of a table, ``rows`` finds the table's rows and ``row`` counts them from 0; the candidates are
    looked up inside that row.
    """

    screen: str
    name: str
    candidates: tuple[AnyCandidate, ...]
    kind: Kind = "text"
    secret: bool = False
    personal: bool = False
    rows: tuple[AnyCandidate, ...] = ()
    row: int | None = None


class Screen(Protocol):
    """What can be done on a screen.

    Every method raises only classes of ``tandem.errors.NotSent`` (ScreenNotReady: element missing, ambiguous, not
    editable; Unavailable, Unreachable, LoginExpired: as seen on the screen); the replayer decides what that means
    after the commit step. A target counts when one candidate matches exactly one visible element.
    """

    async def open(self, screen: AnyScreenFile, params: Mapping[str, Any]) -> None:
        """Go to the screen by its ``open:``, already filled in. Does not wait for it to be recognised."""
        ...

    async def recognise(self, screen: AnyScreenFile, within_s: float) -> None:
        """Return when the screen is shown; raise ScreenNotReady when it is not within this time."""
        ...

    async def fill(self, target: Target, value: str) -> None:
        """Replace the content, and read it back: a field that holds something else raises ScreenNotReady."""
        ...

    async def select(self, target: Target, value: str) -> None: ...

    async def check(self, target: Target, on: bool) -> None: ...

    async def click(self, target: Target) -> None: ...

    async def double_click(self, target: Target) -> None: ...

    async def press(self, keys: str, target: Target | None) -> None: ...

    async def committing(self) -> None:
        """The next act commits: from now on nothing may be sent twice without our doing."""
        ...

    async def read(self, target: Target) -> str:
        """The text or the field content shown now; a target of kind number is read with proof, or not at all."""
        ...

    async def read_rows(self, columns: Mapping[str, Target]) -> Sequence[Mapping[str, str]]:
        """All rows of one table, top to bottom: key -> text. The targets share ``rows``; their ``row`` is None."""
        ...

    async def address(self) -> str:
        """Where the screen says it is, such as a page's address."""
        ...

    async def settled(self, within_s: float) -> bool:
        """Whether the screen comes to rest within this time: nothing is under way, and nothing on it changes."""
        ...

    async def first_shown(self, targets: Sequence[Target], within_s: float) -> int | None:
        """The index of the first target (in the order given) that is shown within this time; None: none is."""
        ...

    async def gone(self, target: Target, within_s: float) -> bool:
        """Whether the target is no longer shown within this time."""
        ...
