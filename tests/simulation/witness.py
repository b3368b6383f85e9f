"""Who watches what leaves the processes: a write may leave with its proofs only, whatever comes of it afterwards."""

from collections.abc import Iterator
from contextvars import ContextVar

from tandem.domain.channel import Attempt, Channel
from tandem.domain.hold import INTENT_S
from tandem.domain.operation import ChannelName
from tandem.domain.record import Record
from tandem.engine.steps import fold
from tandem.store import journal
from tandem.store.change import Change
from tests.simulation.business import OPERATIONS
from tests.simulation.disk import Disk, Failure, Holders, Work
from tests.simulation.loop import Process
from tests.simulation.vendor import SETTLE_S, Sending

_under_way: ContextVar[Attempt] = ContextVar("attempt")


class Watched:
    """The Channel port around a channel: what it sends is known as part of its attempt."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    @property
    def name(self) -> ChannelName:
        return self._channel.name

    async def perform(self, attempt: Attempt) -> Record:
        _under_way.set(attempt)
        return await self._channel.perform(attempt)

    async def login(self) -> None:
        await self._channel.login()

    async def aclose(self) -> None:
        await self._channel.aclose()


class Witness:
    """``objections``: what left without its proofs, a sentence each. ``has_jumps``: clocks jump, so waits may be short.

    The proofs of a write: its intent is on the disk; its run was this process's no longer ago than an intent is good
    for; and, where it was sent before, a look into the books that was made when the vendor could commit no more, and
    that did not show it.
    """

    def __init__(self, disk: Disk, holders: Holders, has_jumps: bool) -> None:
        self._disk, self._holders = disk, holders
        self._least_wait_s = 0.0 if has_jumps else SETTLE_S
        self._sent: list[Sending] = []
        self.objections: list[str] = []

    def sees(self, process: Process, operation: str, body: dict[str, object], asked_s: float) -> Sending:
        """A request leaves the process, which last asked for its right to send at ``asked_s``."""
        attempt = _under_way.get()
        run_id = attempt.correlation_id
        is_held = self._holders.of.get(run_id, (process, 0.0))[0] is process
        sending = Sending(run_id, operation, body, process.name, asked_s, process.loop.time(), is_held)
        if OPERATIONS[operation].writes:
            found = (
                *self._of_intent(sending, attempt.number),
                *self._of_hold(sending, process),
                *self._of_looks(sending),
            )
            self.objections += [f"{kind}: {sending} {why}" for kind, why in found]
        self._sent.append(sending)
        return sending

    def sees_commit(self, process: Process, works: list[Work], results: list[object]) -> None:
        """A process has committed: nothing more, by now, about a run that another one executes."""
        for work, result in zip(works, results, strict=True):
            if isinstance(work, Change) and isinstance(result, Failure):
                self.objections.append(f"fenced: {process.name} wrote a line that is in the journal: {result.error!r}")
            if isinstance(work, Change) and result is True:
                run_id = work.values["run"]
                holder, since_s = self._holders.of.get(run_id, (process, 0.0))
                if holder is not process and run_id in self._holders.runs_of(holder, self._disk):
                    what = work.values.get("new_kind", "its end")
                    self.objections.append(
                        f"fenced: {process.name} wrote {what} in the journal of a run that {holder.name} had since "
                        f"{since_s:.1f}"
                    )

    def _of_intent(self, sending: Sending, number: int) -> Iterator[tuple[str, str]]:
        entries = self._disk.read(lambda connection: journal.load(connection, sending.run_id))
        intended = [
            step for step in fold(entries).values()
            if (step.operation, step.reference) == (sending.operation, sending.reference)
        ]  # fmt: skip
        if not any(len(step.attempts) >= number for step in intended):
            yield "early", "left before its intent was on the disk"

    def _of_hold(self, sending: Sending, process: Process) -> Iterator[tuple[str, str]]:
        holder, since_s = self._holders.of[sending.run_id]
        if holder is not process and since_s < sending.asked_s - INTENT_S:
            yield "fenced", f"left at {sending.asked_s:.1f}, though {holder.name} had its run since {since_s:.1f}"

    def _of_looks(self, sending: Sending) -> Iterator[tuple[str, str]]:
        read_back = OPERATIONS[sending.operation].read_back
        if read_back is None:
            return
        for first in self._sent:
            if not (first.is_same_as(sending) and first.in_force and first.left_s <= sending.asked_s):
                continue
            looks = [
                look for look in self._sent
                if (look.run_id, look.operation, look.reference) == (sending.run_id, read_back, sending.reference)
                and first.asked_s <= look.left_s <= sending.asked_s and look.shown is not None and look.is_held
            ]  # fmt: skip
            if not looks:
                yield "blind", "left again, and nobody had looked whether it stands already"
            elif first.made is not None and first.made.number in (looks[-1].shown or ()):
                yield "blind", f"left again, though the last look had shown {first.made.number}"
            elif looks[-1].left_s - first.asked_s < self._least_wait_s:
                yield "hasty", f"was absent at a look {looks[-1].left_s - first.asked_s:.1f} s after it: too soon"
