"""Letting a channel carry an attempt, and keeping in the journal what it tells beside the result."""

from dataclasses import asdict

from tandem.domain.channel import Attempt, Channel
from tandem.domain.record import Record
from tandem.engine.journal import Journal


async def carried(journal: Journal, step: str, channel: Channel, attempt: Attempt) -> Record:
    """What the channel makes of the attempt; every element healed on the way marks the run, whatever the outcome."""
    try:
        return await channel.perform(attempt)
    finally:
        for healing in attempt.healings:
            journal.note(step, "healed", {"channel": channel.name, **asdict(healing)})
        attempt.healings.clear()
