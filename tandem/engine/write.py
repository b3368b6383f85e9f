"""A write: its intent is on the disk before the first byte leaves, and nobody guesses what became of it."""

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn, cast

from tandem import log
from tandem.domain.channel import Channel
from tandem.domain.hold import Hold, holding
from tandem.domain.operation import ChannelName, Difference, Operation, Write, operation_named
from tandem.domain.record import Record
from tandem.engine.climb import INLINE_CIRCUIT_S, Climb, Context
from tandem.engine.failures import of_each, spared_wait_s
from tandem.engine.late_look import LateLook, schedule
from tandem.engine.observation import observe
from tandem.engine.plan import MOST_SPARED
from tandem.engine.read_back import Verdict, describe, judge
from tandem.engine.steps import AttemptState
from tandem.engine.system import System
from tandem.engine.twins import Twins
from tandem.errors import (
    DuplicateReference,
    NotSent,
    Rejected,
    TandemError,
    UnknownOutcome,
    WrittenDifferently,
)
from tandem.store.tickets import TicketKind

_LOOK_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Between the first looks; after them the run waits, suspended if need be, until the vendor can commit no more."""


class WriteClimb(Climb):
    """The outcome table of the design, for operations that change the vendor's books."""

    _hold: Hold

    def __init__(
        self, context: Context, system: System, step: str, operation: Operation[Any, Any], request: Record
    ) -> None:
        super().__init__(context, system, step, operation, request)
        self._twins = Twins(context, system, self.state, operation, self._carry_out)

    async def _prepare(self) -> Record | None:
        if self.state.request is not None:
            self.request = self.context.codec.load(self.operation.request, self.state.request)
        await self._finish_cancelling()
        if self.state.doubt is not None:
            return await self._settle()
        if not self.state.current_attempts and self.rungs.look_first:
            return await self._adopt()
        return None

    async def _begin(self, number: int, channel: ChannelName) -> None:
        await self._twins.tell()
        body: dict[str, Any] = {"number": number, "channel": channel}
        if self.state.request is None:
            body |= self._intent()
        self._hold = Hold(self.context.clock, self.context.journal.confirm)
        await self.context.journal.append(self.step_name, "attempted", body)

    async def _carried(self, number: int, channel: Channel) -> Record:
        with holding(self._hold):
            return await super()._carried(number, channel)

    def _intent(self) -> dict[str, Any]:
        return {
            "operation": self.operation.name,
            "system": self.system.name,
            "reference": self._reference,
            "request": self.context.codec.dump(self.request),
        }

    async def _on_claim(self, number: int, channel: ChannelName, result: Record) -> Record | None:
        if channel == "api" or self.operation.read_back is None:
            return self._complete(result, channel=channel, via="answer")
        body = {"number": number, "channel": channel, "outcome": "claimed", "error": None}
        document = getattr(result, "document_id", None)
        self.context.journal.note(self.step_name, "ended", body | ({"document": document} if document else {}))
        return await self._settle()

    async def _on_unknown(self, number: int, channel: ChannelName, error: TandemError) -> Record | None:
        self._end(number, channel, "unknown", error)
        log.event("outcome.unknown", system=self.system.name, operation=self.operation.name, reference=self._reference)
        return await self._settle()

    async def _on_rejected(self, number: int, channel: ChannelName, error: Rejected) -> Record | None:
        if isinstance(error, DuplicateReference) and self.operation.read_back is not None:
            return await self._on_unknown(number, channel, error)
        return await super()._on_rejected(number, channel, error)

    async def _refuse(self, channel: ChannelName | None, error: Rejected) -> NoReturn:
        """An attempt at a change that came to no clear end may take effect after this: then somebody must be told."""
        unclear = [attempt for attempt in self.state.attempts if attempt.absent or attempt.doubtful]
        if unclear and self.operation.effect != "create" and self.operation.read_back is not None:
            self._look_late(unclear[-1])
        await super()._refuse(channel, error)

    async def _adopt(self) -> Record | None:
        """A document with our reference may be there already: keyed by a person, or by another Tandem."""
        if self.state.request is None:
            self.context.journal.note(self.step_name, "intended", self._intent())
        while True:
            try:
                verdict = await self._look()
            except Rejected as error:
                await self._refuse(None, error)
            except (NotSent, UnknownOutcome) as error:
                await self._wait_to_look_again("channels_exhausted", None, error)
            else:
                return None if verdict.kind == "absent" else await self._act_on(verdict)

    async def _wait_to_look_again(self, kind: TicketKind, channel: ChannelName | None, error: TandemError) -> None:
        """Until an open circuit or the vendor's limit may let a look through, else as between two rounds of a ladder.

        A ticket of this kind when there have been enough looks in vain, or when the look was refused (UnknownOutcome).
        """
        wait_s = spared_wait_s(of_each(error))
        is_spared = wait_s is not None and self.state.looks_spared < MOST_SPARED
        body = {"error": error.recorded(), "spared": is_spared}
        self.context.journal.note(self.step_name, "unseen", body)
        if wait_s is not None and is_spared:
            await self.context.pause(wait_s, INLINE_CIRCUIT_S)
        elif isinstance(error, UnknownOutcome) or self.state.looks_in_vain > len(self.rungs.round_waits_s):
            await self._ticket(kind, error, channel=channel, fold=True)
        else:
            await self.context.pause(self.rungs.round_waits_s[self.state.looks_in_vain - 1])

    async def _settle(self) -> Record | None:
        """Read back until the books show the write, or until the vendor can no longer be committing it."""
        doubt = self.state.doubt
        assert doubt is not None
        if doubt.ended_at is None:
            self._end(doubt.number, doubt.channel, "unknown", self._broken_off(doubt.channel))
        if self.operation.read_back is None:
            await self._believe_absent(doubt, self._no_read_back())
            return None
        deadline = cast(datetime, doubt.ended_at) + timedelta(seconds=self.rungs.settle_s)
        for pause_s in itertools.chain(_LOOK_PAUSES_S, itertools.repeat(self.rungs.settle_s)):
            is_last = self.context.clock.now() >= deadline
            verdict = await self._look_or_ticket(is_last)
            if verdict is not None and verdict.kind != "absent":
                self._doubt_what_was_found(doubt)
                return await self._act_on(verdict)
            if is_last:
                await self._believe_absent(
                    doubt, _duplicate(doubt) or self._claimed(doubt), verdict.differences if verdict else ()
                )
                return None
            left_s = (deadline - self.context.clock.now()).total_seconds()
            await self.context.pause(max(0.0, min(pause_s, left_s)))
        return None

    async def _look_or_ticket(self, is_last: bool) -> Verdict | None:
        """The verdict; None while the read-back fails, or does not find what was to be changed, and there still is
        time. At the end of it: a ticket, or a refusal."""
        while True:
            try:
                return await self._look()
            except (NotSent, UnknownOutcome) as error:
                if not is_last:
                    return None
                await self._wait_to_look_again("outcome_unknown", self.state.attempts[-1].channel, error)
            except Rejected as error:
                if not is_last:
                    return None
                await self._refuse(self.state.attempts[-1].channel, error)

    async def _look(self) -> Verdict:
        assert self.operation.read_back is not None
        write = cast(Write, self.request)
        found = self._twins.without_cancelled(await self._read_back(write))
        verdict = judge(self.operation, write, found)
        self.context.journal.note(self.step_name, "looked", verdict.as_data())
        log.event(f"read_back.{verdict.kind}", system=self.system.name, reference=self._reference)
        return verdict

    async def _read_back(self, write: Write) -> Record:
        """What stands in the books. A vendor that refuses the look has said nothing of the write."""
        operation = operation_named(str(self.operation.read_back))
        try:
            return await observe(self.context, self.system, self.step_name, operation, write.lookup())
        except Rejected as error:
            raise UnknownOutcome(
                "{operation} {reference} cannot be read back from system {system}: {why}",
                operation=self.operation.name,
                reference=self._reference,
                system=self.system.name,
                why=error,
            ) from None

    async def _believe_absent(
        self, doubt: AttemptState, objection: TandemError | None, differences: Sequence[Difference] = ()
    ) -> None:
        """Go on as if the attempt had not been sent: against an ``objection`` only once a person has retried it.

        The late look is made first: a crash in between must not leave a second write without one.
        """
        if objection is not None and doubt in self.state.current_attempts:
            await self._ticket("outcome_unknown", objection, channel=doubt.channel)
        if self.operation.effect == "create" and self.operation.read_back is not None:
            self._look_late(doubt)
        shown = [difference.model_dump() for difference in differences]
        self.context.journal.note(self.step_name, "absent", {"number": doubt.number, "differences": shown})

    def _doubt_what_was_found(self, doubt: AttemptState) -> None:
        """A document found by its reference may be another's, a person's or another run's, and ours still to come:
        only one that a screen named is known for ours."""
        if self.operation.effect == "create" and doubt.document is None:
            self._look_late(doubt)

    def _look_late(self, attempt: AttemptState) -> None:
        look = LateLook(
            run_id=self.context.journal.run_id,
            step=self.step_name,
            system=self.system.name,
            operation=self.operation.name,
            request=self.context.codec.dump(self.request),
        )
        schedule(self.context, look, attempt.number, self.rungs.late_s)

    async def _act_on(self, verdict: Verdict) -> Record:
        extra = verdict.documents[1:] if verdict.kind == "several" else ()
        waiting = await self._twins.cancel(extra)
        await self._twins.tell()
        if waiting is not None:
            raise waiting
        if verdict.differences:
            await self._ticket_differences(verdict)
        first = verdict.documents[0]
        channel = self.state.attempts[-1].channel if self.state.attempts else None
        return self._complete(first.result(), channel=channel, via="read_back")

    async def _ticket_differences(self, verdict: Verdict) -> None:
        error = WrittenDifferently(
            "{operation} {reference} stands in system {system} as document {document}, but not as asked: {fields}. "
            "Nothing more was written. Correct the document there, then resolve this ticket with its number.",
            operation=self.operation.name,
            reference=self._reference,
            system=self.system.name,
            document=verdict.documents[0].document_id,
            fields=describe(verdict.differences),
        )
        await self._ticket("written_differently", error, channel=None)

    async def _carry_out(self, step: str, operation: Operation[Any, Any], request: Record) -> Record:
        return await WriteClimb(self.context, self.system, step, operation, request).result()

    async def _finish_cancelling(self) -> None:
        """End what was begun before the books are looked at: no twin may be kept that is still about to be void."""
        waiting = await self._twins.finish_cancelling()
        if waiting is not None:
            await self._twins.tell()
            raise waiting

    async def _ticket(
        self, kind: TicketKind, error: TandemError, *, channel: ChannelName | None, fold: bool = False
    ) -> NoReturn:
        """A person may settle it for good: the twins are told of before."""
        await self._twins.tell()
        await super()._ticket(kind, error, channel=channel, fold=fold)

    async def _exhausted(self) -> None:
        differences = self.state.attempts[-1].differences
        if not differences:
            await super()._exhausted()
        error = WrittenDifferently(
            "{operation} {reference} was sent to system {system}, but these fields do not stand there as asked: "
            "{fields}. Set them by hand, then resolve this ticket; or retry it.",
            operation=self.operation.name,
            reference=self._reference,
            system=self.system.name,
            fields=describe([Difference.model_validate(item) for item in differences]),
        )
        await self._ticket("written_differently", error, channel=self.state.attempts[-1].channel)

    def _broken_off(self, channel: ChannelName) -> UnknownOutcome:
        return UnknownOutcome(
            "{operation} on system {system} was under way through {channel} when Tandem stopped.",
            operation=self.operation.name,
            system=self.system.name,
            channel=channel,
        )

    def _claimed(self, attempt: AttemptState) -> UnknownOutcome | None:
        """A screen named a document that nobody finds by the reference: it may stand there under another one."""
        if attempt.document is None or self.operation.effect != "create":
            return None
        return UnknownOutcome(
            "System {system} said that {operation} {reference} was saved as document {document}, but no document with "
            "that reference stands there. Look at {document} and undo what stands of it, then retry this ticket.",
            operation=self.operation.name,
            reference=self._reference,
            system=self.system.name,
            document=attempt.document,
        )

    def _no_read_back(self) -> UnknownOutcome:
        return UnknownOutcome(
            "What became of {operation} {reference} on system {system} is unknown, and the operation has no read-back. "
            "Look it up there and undo what stands of it, then retry this ticket.",
            operation=self.operation.name,
            reference=self._reference,
            system=self.system.name,
        )


def _duplicate(attempt: AttemptState) -> TandemError | None:
    """What the vendor said when its own uniqueness rule fired."""
    if attempt.error is None or attempt.error["code"] != DuplicateReference.code:
        return None
    return TandemError.restored(attempt.error)
