"""A system as the engine sees it: its channels, and the ladder of each operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from tandem.domain.channel import Channel
from tandem.domain.operation import ChannelName


@dataclass(frozen=True)
class Rungs:
    """How one operation is carried on one system.

    ``settle_s``: how long after an unknown outcome the vendor may still commit. ``late_s``: when to look once more
    for a late twin of a write that was sent again. ``look_first``: read back before the first attempt too, for a
    vendor without uniqueness of its own. ``round_waits_s``: the pauses before the whole ladder is tried again.
    ``confirms``: the vendor says in its answer how much it granted, and grants nothing twice.
    """

    ladder: tuple[ChannelName, ...]
    settle_s: float = 60.0
    late_s: float = 900.0
    look_first: bool = False
    round_waits_s: tuple[float, ...] = (1.0, 20.0)
    confirms: bool = False


@dataclass(frozen=True)
class System:
    """One system of the workspace, such as ``erp``; a channel that is not configured is not in ``channels``."""

    name: str
    vendor: str
    channels: Mapping[ChannelName, Channel] = field(default_factory=dict)
    operations: Mapping[str, Rungs] = field(default_factory=dict)

    def rungs(self, operation: str) -> Rungs | None:
        """The ladder of an operation, without the channels that are not configured; None when not offered."""
        found = self.operations.get(operation)
        if found is None:
            return None
        ladder = tuple(channel for channel in found.ladder if channel in self.channels)
        return replace(found, ladder=ladder)
