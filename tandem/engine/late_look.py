"""The second look: a write that was believed absent may still have been committed after all.

It is a run of its own, of the engine's bot ``tandem.late_look``, so that it survives every crash.
"""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tandem.domain.clock import new_id
from tandem.domain.record import Record
from tandem.store import runs

if TYPE_CHECKING:
    from tandem.engine.climb import Context

BOT = "tandem.late_look"


class LateLook(Record):
    """Which write to look for: the step of the run that made it, and the request as the journal keeps it."""

    run_id: str
    step: str
    system: str
    operation: str
    request: Any


def schedule(context: "Context", look: LateLook, late_s: float) -> None:
    """Make the run that looks once more, ``late_s`` from now; one for each step."""
    now = context.clock.now()
    key = f"{BOT}|{look.run_id}|{look.step}"
    new = runs.NewRun(new_id(), BOT, key, key, look.model_dump(mode="json"))
    context.journal.alongside(
        lambda connection: runs.add_waiting(connection, new, now, now + timedelta(seconds=late_s))
    )
