"""Patches proposed for review when an element was found otherwise, with a picture from before and one from after."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tandem.channels.healing import patch_of
from tandem.channels.library import Screens
from tandem.channels.screen import Target
from tandem.domain.channel import Healing
from tandem.domain.evidence import Evidence
from tandem.log import event
from tandem.store.evidence import EvidenceStore

TakePicture = Callable[[], Awaitable[Evidence | None]]
"""Saves what the screen shows, secrets and personal fields covered; None when it cannot be had."""


@dataclass(frozen=True)
class Heal:
    """An element that a later candidate found; ``before`` is the picture of that moment, the first time."""

    target: Target
    index: int
    before: Evidence | None


class Proposals:
    """The patches of one system's screens; each is saved once, however often it would help."""

    def __init__(self, system: str, store: EvidenceStore, screens: Screens) -> None:
        self._system = system
        self._store = store
        self._screens = screens
        self._patches: dict[tuple[str, str, int], str | None] = {}

    async def healed(self, target: Target, index: int, take_picture: TakePicture) -> Heal:
        """Log that the candidate of this index found the element; the first time, keep a picture for the patch."""
        place = {"system": self._system, "screen": target.screen, "element": target.name}
        event("element.healed", level="WARNING", **place, candidate=index + 1)
        is_known = _key(target, index) in self._patches
        return Heal(target, index, None if is_known else await take_picture())

    async def propose(self, heal: Heal, take_picture: TakePicture) -> Healing:
        """What was healed, with the patch for a person to review."""
        key = _key(heal.target, heal.index)
        if key not in self._patches:
            self._patches[key] = self._saved_patch(heal, await take_picture())
        return Healing(heal.target.screen, heal.target.name, heal.index + 1, self._patches[key])

    def _saved_patch(self, heal: Heal, after: Evidence | None) -> str | None:
        diff = patch_of(self._screens, heal.target, heal.index)
        if diff is None:
            return None
        where = {"screen": heal.target.screen, "element": heal.target.name}
        head = [
            f"Screen {heal.target.screen}: candidate {heal.index + 1} found {heal.target.name}, none before it did.",
            f"Before the attempt went on: {heal.before.path if heal.before else 'no picture'}",
            f"After the attempt: {after.path if after else 'no picture'}",
        ]
        saved = self._store.save("message", ("\n".join(head) + "\n" + diff).encode(), ".patch")
        if saved is None:
            return None
        event("patch.proposed", system=self._system, file=saved.path, **where)
        return saved.path


def _key(target: Target, index: int) -> tuple[str, str, int]:
    return target.screen, target.name, index
