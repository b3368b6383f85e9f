"""A system as the engine sees it: its channels, and the ladder of each operation."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from tandem.domain.channel import Channel
from tandem.domain.operation import CHANNELS, ChannelName
from tandem.engine.suspension import Elsewhere


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
    """One system of the workspace, such as ``erp``; a channel that is not configured is not in ``channels``.

    ``elsewhere``: channels that are configured, but that this worker does not have; other workers do.
    """

    name: str
    vendor: str
    channels: Mapping[ChannelName, Channel] = field(default_factory=dict)
    operations: Mapping[str, Rungs] = field(default_factory=dict)
    elsewhere: frozenset[ChannelName] = frozenset()

    def rungs(self, operation: str) -> Rungs | None:
        """The ladder of an operation, without the channels that are not configured; None when not offered."""
        return self._offered.get(operation)

    def channel(self, name: ChannelName) -> Channel:
        """The channel of that name. Raises Elsewhere when another worker has it."""
        if name in self.elsewhere:
            raise Elsewhere(queue_of(self.vendor, name))
        return self.channels[name]

    @property
    def queue(self) -> str:
        """Where a run can begin to work on this system: at a worker that reaches it at all."""
        reached = {*self.channels, *self.elsewhere}
        return next((queue_of(self.vendor, name) for name in CHANNELS if name in reached), "api")

    @cached_property
    def _offered(self) -> dict[str, Rungs]:
        """The ladders as far as they are configured."""
        there = {*self.channels, *self.elsewhere}
        return {
            name: replace(rungs, ladder=tuple(channel for channel in rungs.ladder if channel in there))
            for name, rungs in self.operations.items()
        }


def queue_of(vendor: str, channel: ChannelName) -> str:
    """The queue of workers that have the channel: ``api``, ``browser``, or ``desktop:<vendor>``, whose client it is."""
    return f"desktop:{vendor}" if channel == "desktop" else channel
