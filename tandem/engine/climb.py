"""Carrying one step up its ladder: attempt, record, wait, and go on to the rung that may be next."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn, cast

from tandem import log
from tandem.domain.channel import Attempt, Channel
from tandem.domain.clock import Clock, NewId
from tandem.domain.operation import ChannelName, Operation
from tandem.domain.record import Record
from tandem.engine.carrying import carried
from tandem.engine.failures import of_channels, spared_wait_s
from tandem.engine.journal import Journal
from tandem.engine.plan import next_spot
from tandem.engine.steps import AttemptState
from tandem.engine.suspension import Suspended
from tandem.engine.system import System
from tandem.engine.tickets import Ticketing
from tandem.errors import (
    AccessRefused,
    LoginExpired,
    LoginRefused,
    NotOffered,
    NotSent,
    Rejected,
    TandemError,
    Throttled,
    UnknownOutcome,
)
from tandem.store.codec import Codec
from tandem.store.tickets import TicketKind
from tandem.text import listed

INLINE_WAIT_S = 15.0
"""A longer wait ends execution: the run becomes a row that wakes up later."""
INLINE_CIRCUIT_S = 1.0
"""The same for an open circuit, at which many runs may wait: none of them keeps a place from others."""


@dataclass(frozen=True)
class Context:
    """What every step of a run needs to be carried out."""

    journal: Journal
    codec: Codec
    clock: Clock
    ticketing: Ticketing
    new_id: NewId

    async def pause(self, seconds: float, inline_s: float = INLINE_WAIT_S) -> None:
        """Wait: here when it is short, by suspending the run when it is long."""
        if seconds > inline_s:
            await self.journal.flush()
            raise Suspended(wake_at=self.clock.now() + timedelta(seconds=seconds))
        await self.clock.sleep(seconds)


class Climb:
    """One operation of one step on one system. ``ReadClimb`` and ``WriteClimb`` say what an unknown outcome means."""

    def __init__(
        self, context: Context, system: System, step: str, operation: Operation[Any, Any], request: Record
    ) -> None:
        rungs = system.rungs(operation.name)
        if rungs is None or not rungs.ladder:
            raise NotOffered(
                "{operation} cannot be carried out on system {system}: vendor {vendor} offers it on none of the "
                "channels configured for it ({channels}). Configure one in tandem.yaml, or extend its ladder.",
                operation=operation.name,
                system=system.name,
                vendor=system.vendor,
                channels=listed(system.channels),
            )
        self.context, self.system, self.step_name = context, system, step
        self.operation, self.request, self.rungs = operation, request, rungs
        self.state = context.journal.step(step)

    async def result(self) -> Record:
        """The operation's result: the recorded one, else that of the first rung that carries it.

        Raises BusinessError as the vendor said it, and Suspended when the run has to wait.
        """
        if self.state.completed is not None:
            return cast(Record, self.context.codec.load(self.operation.result, self.state.completed["result"]))
        if self.state.refused is not None:
            raise TandemError.restored(self.state.refused)
        if self.state.ticket_id is not None:
            raise Suspended(ticket_id=self.state.ticket_id)
        found = await self._prepare()
        while found is None:
            found = await self._attempt(await self._next_channel())
        return found

    async def _prepare(self) -> Record | None:
        """What has to be done before the first attempt; a result when there is nothing left to attempt."""
        return None

    async def _begin(self, number: int, channel: ChannelName) -> None:
        """Record that an attempt begins."""

    async def _on_claim(self, number: int, channel: ChannelName, result: Record) -> Record | None:
        """The channel says it is done."""
        return self._complete(result, channel=channel, via="answer")

    async def _on_unknown(self, number: int, channel: ChannelName, error: TandemError) -> Record | None:
        """The channel does not know."""
        self._end(number, channel, "not_sent", error)
        return None

    async def _on_rejected(self, number: int, channel: ChannelName, error: Rejected) -> Record | None:
        """The vendor said no, so nothing was written: known, not doubtful."""
        self._end(number, channel, "not_sent", error)
        await self._refuse(channel, error)
        return None

    async def _refuse(self, channel: ChannelName | None, error: Rejected) -> NoReturn:
        if isinstance(error, AccessRefused):
            await self._ticket("access_refused", error, channel=channel, fold=True)
        await self.context.journal.append(self.step_name, "refused", {"error": error.recorded(), "channel": channel})
        raise error

    async def _next_channel(self) -> ChannelName:
        spot = next_spot(self.rungs.ladder, self.state.current_attempts)
        if spot.round > len(self.rungs.round_waits_s):
            await self._exhausted()
        if spot.after_circuit:
            failures = [self._failure(attempt) for attempt in self.state.attempts[-len(self.rungs.ladder) :]]
            await self._wait_since_last(spared_wait_s(failures) or 0.0, INLINE_CIRCUIT_S)
        elif spot.round and spot.is_round_start:
            await self._wait_since_last(self.rungs.round_waits_s[spot.round - 1])
        return spot.channel

    async def _wait_since_last(self, wait_s: float, inline_s: float = INLINE_WAIT_S) -> None:
        ended_at = self.state.attempts[-1].ended_at or self.context.clock.now()
        waited_s = (self.context.clock.now() - ended_at).total_seconds()
        if waited_s < wait_s:
            await self.context.pause(wait_s - waited_s, inline_s)

    async def _attempt(self, channel: ChannelName) -> Record | None:
        carrier = self.system.channel(channel)
        number = len(self.state.attempts) + 1
        await self._begin(number, channel)
        try:
            result = await self._carried(number, carrier)
        except NotSent as error:
            await self._on_not_sent(number, channel, error)
            return None
        except Rejected as error:
            return await self._on_rejected(number, channel, error)
        except UnknownOutcome as error:
            return await self._on_unknown(number, channel, error)
        except TandemError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a channel did not foresee is an unknown outcome
            return await self._on_unknown(number, channel, self._unforeseen(error))
        return await self._on_claim(number, channel, result)

    async def _carried(self, number: int, channel: Channel) -> Record:
        """What the channel makes of the attempt."""
        return await carried(self.context.journal, self.step_name, channel, self._attempt_of(number))

    async def _on_not_sent(self, number: int, channel: ChannelName, error: NotSent) -> None:
        self._end(number, channel, "not_sent", error)
        if isinstance(error, Throttled):
            await self.context.pause(error.retry_after_s)
        elif isinstance(error, LoginExpired):
            await self._login(channel, number)
        else:
            log.event(
                "rung.descended",
                system=self.system.name,
                operation=self.operation.name,
                channel=channel,
                why=error.code,
            )

    async def _login(self, channel: ChannelName, number: int) -> None:
        expired = [
            attempt
            for attempt in self.state.current_attempts
            if attempt.channel == channel and (attempt.error or {}).get("code") == LoginExpired.code
        ]
        if len(expired) > 1:
            await self._refuse(channel, self._session_refused(channel))
        try:
            await self.system.channels[channel].login()
        except Rejected as error:
            await self._refuse(channel, error)
        except TandemError as error:
            self._end(number, channel, "not_sent", error if isinstance(error, NotSent) else self._unforeseen(error))

    def _complete(self, result: Record, **proof: Any) -> Record:
        document = getattr(result, "document_id", None)
        body = {"result": self.context.codec.dump(result), **({"document": document} if document else {}), **proof}
        self.context.journal.note(self.step_name, "completed", body)
        return result

    def _end(self, number: int, channel: ChannelName, outcome: str, error: TandemError) -> None:
        body = {"number": number, "channel": channel, "outcome": outcome, "error": error.recorded()}
        self.context.journal.note(self.step_name, "ended", body | _evidence_data(error))

    async def _exhausted(self) -> None:
        failures = {attempt.channel: self._failure(attempt) for attempt in self.state.current_attempts}
        error = of_channels(failures, self.operation.name, self.system.name)
        await self._ticket("channels_exhausted", error, channel=self.state.attempts[-1].channel, fold=True)

    def _failure(self, attempt: AttemptState) -> TandemError:
        return TandemError.restored(attempt.error) if attempt.error else self._unforeseen(RuntimeError())

    async def _ticket(
        self, kind: TicketKind, error: TandemError, *, channel: ChannelName | None, fold: bool = False
    ) -> NoReturn:
        """Open a ticket that this step waits for."""
        ticket_id = await self.context.ticketing.open(
            kind,
            error,
            step=self.state,
            system=self.system.name,
            operation=self.operation.name,
            channel=channel,
            reference=self._reference,
            fold=fold,
            blocking=True,
        )
        raise Suspended(ticket_id=ticket_id)

    @property
    def _reference(self) -> str | None:
        return getattr(self.request, "external_reference", None)

    def _attempt_of(self, number: int) -> Attempt:
        return Attempt(
            operation=self.operation,
            system=self.system.name,
            request=self.request,
            reference=self._reference,
            correlation_id=self.context.journal.run_id,
            number=number,
        )

    def _unforeseen(self, error: Exception) -> UnknownOutcome:
        return UnknownOutcome(
            "{operation} on system {system} broke off with {kind}, which no channel foresees. See the log.",
            operation=self.operation.name,
            system=self.system.name,
            kind=type(error).__name__,
        )

    def _session_refused(self, channel: ChannelName) -> LoginRefused:
        return LoginRefused(
            "System {system} ended the {channel} session again right after a fresh login. Nothing was sent. "
            "Check the user's rights and sessions, then retry the ticket.",
            system=self.system.name,
            channel=channel,
        )


class ReadClimb(Climb):
    """A read: an unknown outcome is the same as not sent; it is simply asked again."""


def _evidence_data(error: TandemError) -> dict[str, Any]:
    kept = [{"kind": item.kind, "path": item.path} for item in error.evidence]
    return {"evidence": kept} if kept else {}
