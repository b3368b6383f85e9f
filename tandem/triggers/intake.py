"""Taking in deliveries: told apart and their runs started in one transaction, before the sender is answered."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection

from tandem.domain.delivery import Delivery, Posted, Proof, Unreadable
from tandem.engine.bot import Work, work_of
from tandem.engine.engine import Engine
from tandem.store import deliveries


@dataclass(frozen=True)
class Webhook:
    """``item``: for each field of the bot's work item, where its value stands in a delivery (``order.id``)."""

    name: str
    bot: str
    item: Mapping[str, str]
    proof: Proof


@dataclass(frozen=True)
class Taken:
    """How many deliveries of a request were new, and how many had been taken in before."""

    new: int
    known: int


async def take_in(engine: Engine, webhook: Webhook, posted: Posted) -> Taken:
    """Start a run for every delivery of the request that was not taken in before.

    Raises Unproven, and then nothing was started; Unreadable, when at least one delivery makes no work item: the
    others were started, and a repetition starts none of them again; StoreError.
    """
    told = webhook.proof.deliveries(posted, engine.clock.now())
    works: list[tuple[str, Work]] = []
    objections: list[Unreadable] = []
    for delivery in told:
        try:
            works.append((delivery.id, _work(engine, webhook, delivery)))
        except Unreadable as objection:
            objections.append(objection)
    started = await engine.begin(_taking(engine, webhook, works))
    if objections:
        raise objections[0]
    return Taken(started, len(told) - started)


def _taking(engine: Engine, webhook: Webhook, works: Sequence[tuple[str, Work]]) -> Any:
    source, now = f"webhook {webhook.name}", engine.clock.now()
    in_order = sorted(works, key=lambda each: each[0])  # of two requests at once, one waits for the other
    starts = [(delivery_id, engine.starting(webhook.bot, [work])) for delivery_id, work in in_order]

    def take(connection: Connection) -> int:
        started = 0
        for delivery_id, start in starts:
            if deliveries.add(connection, source, delivery_id, now):
                (run_id,) = start(connection)
                deliveries.link(connection, source, delivery_id, run_id)
                started += 1
        return started

    return take


def _work(engine: Engine, webhook: Webhook, delivery: Delivery) -> Work:
    values = {field: _at(delivery.fields, path) for field, path in webhook.item.items()}
    try:
        (work,) = work_of([engine.bot(webhook.bot).item.model_validate(values)])
    except ValidationError as error:
        fields = ", ".join(str(detail["loc"][0]) for detail in error.errors() if detail["loc"])
        raise Unreadable(f"its values for {fields} make no work item") from None
    return work


def _at(fields: Mapping[str, Any], path: str) -> Any:
    found: Any = fields
    for part in path.split("."):
        if not isinstance(found, Mapping) or part not in found:
            raise Unreadable(f"it has no {path}")
        found = found[part]
    return found
