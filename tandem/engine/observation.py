"""A read that is no step of its own: a read-back climbs its ladder, but the journal keeps the verdict, not the read."""

from typing import TYPE_CHECKING, Any

from tandem.domain.channel import Attempt, Channel
from tandem.domain.operation import ChannelName, Operation
from tandem.domain.record import Record
from tandem.engine.carrying import carried
from tandem.engine.failures import of_channels
from tandem.engine.system import System
from tandem.errors import LoginExpired, NotOffered, NotSent, TandemError, Unavailable, UnknownOutcome

if TYPE_CHECKING:
    from tandem.engine.climb import Context


async def observe(
    context: "Context", system: System, step: str, operation: Operation[Any, Any], request: Record
) -> Record:
    """Ask on each rung once, for the sake of a step.

    Raises NotSent or UnknownOutcome, as the last rung did, once all have failed; Rejected at once.
    """
    rungs = system.rungs(operation.name)
    failures: dict[ChannelName, TandemError] = {}
    for number, name in enumerate(rungs.ladder if rungs else (), start=1):
        channel = system.channel(name)
        attempt = Attempt(operation, system.name, request, None, context.journal.run_id, number)
        try:
            return await _read(context, step, channel, attempt)
        except LoginExpired as error:
            failures[name] = error
            try:
                await channel.login()
                return await _read(context, step, channel, attempt)
            except (NotSent, UnknownOutcome) as again:
                failures[name] = again
        except (NotSent, UnknownOutcome) as error:
            failures[name] = error
    if failures:
        raise of_channels(failures, operation.name, system.name)
    raise NotOffered(
        "{operation} is offered on none of the channels of system {system}.",
        operation=operation.name,
        system=system.name,
    )


async def _read(context: "Context", step: str, channel: Channel, attempt: Attempt) -> Record:
    """What the channel reads. Whatever it did not foresee is no answer: the books were not seen."""
    try:
        return await carried(context.journal, step, channel, attempt)
    except TandemError:
        raise
    except Exception as error:
        raise Unavailable(
            "{system} could not be read by {channel}: {kind}. Nothing was changed.",
            system=attempt.system,
            channel=channel.name,
            kind=type(error).__name__,
        ) from error
