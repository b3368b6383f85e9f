"""Which rung comes next, from the attempts made so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.domain.operation import ChannelName
from tandem.engine.steps import AttemptState
from tandem.errors import CircuitOpen, LoginExpired, NotOffered, Throttled, Unavailable, UnknownOutcome

_SAME_RUNG = (Throttled.code, LoginExpired.code)
_ASK_AGAIN = (Unavailable.code, UnknownOutcome.code)
_UNTRIED = (CircuitOpen.code, NotOffered.code)
MOST_SPARED = 20
"""So often a circuit is waited for before its refusals count as tries: some minutes."""


@dataclass(frozen=True)
class Spot:
    """A place on the ladder. ``round`` counts whole ladders climbed in vain; ``is_round_start``: none tried in it.

    ``after_circuit``: the ladder was climbed without a try, because a circuit is open; that is no round.
    """

    round: int
    channel: ChannelName
    is_round_start: bool
    after_circuit: bool = False


def next_spot(ladder: Sequence[ChannelName], attempts: Sequence[AttemptState]) -> Spot:
    """Where the next attempt goes.

    Not sent: the next rung; throttled or logged out: the same rung; unknown and then believed absent, or a read
    that was not answered: the same rung once more, then the next.
    """
    rung, rounds, spared, again = 0, 0, 0, False
    is_spared = False
    climbed: list[str | None] = []
    for attempt in attempts:
        code = (attempt.error or {}).get("code")
        climbed.append(code)
        if attempt.outcome == "not_sent" and code in _SAME_RUNG:
            continue
        if (attempt.outcome != "not_sent" or code in _ASK_AGAIN) and not again:
            again = True
            continue
        rung, again = rung + 1, False
        if rung == len(ladder):
            is_spared = spared < MOST_SPARED and _met_only_circuits(climbed)
            rung, rounds, spared = 0, rounds + (not is_spared), spared + is_spared
            climbed = []
    return Spot(rounds, ladder[rung], not climbed, is_spared and not climbed)


def _met_only_circuits(codes: Sequence[str | None]) -> bool:
    return CircuitOpen.code in codes and all(code in _UNTRIED for code in codes)
