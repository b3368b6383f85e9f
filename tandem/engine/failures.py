"""What each channel said of an operation that none of them could carry."""

from collections.abc import Mapping, Sequence

from tandem.domain.operation import ChannelName
from tandem.errors import CircuitOpen, NotOffered, TandemError, Throttled
from tandem.text import phrase


def of_channels(failures: Mapping[ChannelName, TandemError], operation: str, system: str) -> TandemError:
    """The last of the failures; where several channels failed, it tells those of the others too, with their evidence.

    ``failures``: at least one, in the order of the ladder. The class stays that of the last, by which tickets fold.
    """
    last = list(failures.values())[-1]
    if len(failures) == 1:
        return last
    error = TandemError.restored(
        {
            "code": last.code,
            "template": phrase("No channel could carry {operation} on system {system}."),
            "fields": last.fields | {"operation": operation, "system": system},
            "channels": {name: failure.recorded() for name, failure in failures.items()},
        }
    )
    error.evidence = tuple(dict.fromkeys(item for failure in failures.values() for item in failure.evidence))
    return error


def of_each(error: TandemError) -> Sequence[TandemError]:
    """The failures that ``of_channels`` made one of."""
    return [TandemError.restored(failure) for failure in error.channels.values()] or [error]


def spared_wait_s(failures: Sequence[TandemError]) -> float | None:
    """Seconds until one of the channels may be tried that were not, because a circuit is open or the vendor's limit is
    reached; None when another one was tried."""
    waits_s = [error.wait_s for error in failures if isinstance(error, CircuitOpen)]
    waits_s += [error.retry_after_s for error in failures if isinstance(error, Throttled)]
    untried = all(isinstance(error, (CircuitOpen, Throttled, NotOffered)) for error in failures)
    return min(waits_s) if untried and waits_s else None
