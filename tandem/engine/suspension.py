"""Why a run stops executing without having ended. None is an Exception: a bot cannot catch them by accident."""

from collections.abc import Awaitable, Iterable
from datetime import datetime


class Suspended(BaseException):
    """The run waits: for an instant, for a ticket, or for a person's answer (neither given).

    ``for_lock``: until others have left the lock it wants, and at the instant at the latest.
    """

    def __init__(
        self, *, wake_at: datetime | None = None, ticket_id: int | None = None, for_lock: bool = False
    ) -> None:
        self.wake_at = wake_at
        self.ticket_id = ticket_id
        self.for_lock = for_lock
        super().__init__()


class Elsewhere(BaseException):
    """The run needs a channel that this worker does not have: a worker of that queue goes on with it."""

    def __init__(self, queue: str) -> None:
        self.queue = queue
        super().__init__()


class Fenced(BaseException):
    """Another worker has taken the run over: nothing more may be written or sent for it here."""


class Repeated(BaseException):
    """The same version of the document is, or was, the work of another run."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__()

    def recorded(self) -> dict[str, str]:
        """The result of the run that ends so."""
        return {"same_as": self.run_id}


async def all_tried(steps: Iterable[Awaitable[object]]) -> Suspended | None:
    """Carry each out in turn; the first wait for a person, which keeps none of the others from being tried.

    Raises Suspended at once where one waits for an instant.
    """
    waiting = None
    for step in steps:
        try:
            await step
        except Suspended as suspended:
            if suspended.ticket_id is None:
                raise
            waiting = waiting or suspended
    return waiting
