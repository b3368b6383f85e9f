"""Which rung comes next, from the attempts made so far."""

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.domain.operation import ChannelName
from tandem.engine.steps import AttemptState

_SAME_RUNG = ("throttled", "login_expired")
_ASK_AGAIN = ("unavailable", "unknown_outcome")


@dataclass(frozen=True)
class Spot:
    """A place on the ladder. ``round`` counts whole ladders climbed in vain; ``is_round_start``: none tried in it."""

    round: int
    channel: ChannelName
    is_round_start: bool


def next_spot(ladder: Sequence[ChannelName], attempts: Sequence[AttemptState]) -> Spot:
    """Where the next attempt goes.

    Not sent: the next rung; throttled or logged out: the same rung; unknown and then believed absent, or a read
    that was not answered: the same rung once more, then the next.
    """
    rung, rounds, again, fresh = 0, 0, False, True
    for attempt in attempts:
        code = (attempt.error or {}).get("code")
        fresh = False
        if attempt.outcome == "not_sent" and code in _SAME_RUNG:
            continue
        if (attempt.outcome != "not_sent" or code in _ASK_AGAIN) and not again:
            again = True
            continue
        rung, again = rung + 1, False
        if rung == len(ladder):
            rung, rounds, fresh = 0, rounds + 1, True
    return Spot(rounds, ladder[rung], fresh)
