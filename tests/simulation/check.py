"""What must hold when everything is at rest."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tandem.engine.late_look import BOT as LATE_LOOK
from tandem.store.runs import RunRow
from tandem.store.tickets import Ticket
from tests.simulation.network import PLACES, Wire

if TYPE_CHECKING:
    from tests.simulation.world import World


def violations(world: "World") -> list[str]:
    """Every promise that was broken, a sentence each, that begins with its kind."""
    tickets, rows = world.unsettled(), world.all_runs()
    found = [
        f"stuck: {row.bot} {row.business_key} is {row.status}, and no ticket says why" for row in unfinished(world)
    ]
    for reference in world.items:
        of_it = [row for row in rows if row.bot == "sync" and row.input["reference"] == reference]
        found += (
            _of_order(world, reference, of_it, tickets) if of_it else [f"lost: {reference} was announced for nothing"]
        )
    found += [text for wire in world.wires for text in _of_quota(wire, world.scenario.calls_per_s)]
    found += [f"failure: {failure}" for failure in world.loop.failures]
    return found


def unfinished(world: "World") -> list[RunRow]:
    """The runs that have not ended and that no open ticket stops, neither themselves nor one they wait for."""
    rows = world.all_runs()
    stopped = {link.run_id for ticket in world.open_tickets() for link in ticket.runs if link.blocking}
    ticketed = {row.id for row in rows if row.status == "waiting" and row.id in stopped}
    keys = {row.business_key for row in rows if row.id in ticketed}
    keys_of = {row.id: row.business_key for row in rows}

    def waits(row: RunRow) -> bool:
        key = keys_of[row.input["run_id"]] if row.bot == LATE_LOOK else row.business_key
        return row.id in ticketed or (row.status in ("ready", "waiting") and key in keys)

    return [row for row in rows if row.status != "finished" and not waits(row)]


def _of_quota(wire: Wire, calls_per_s: float) -> Iterator[str]:
    """Calls within any span: those of the burst, those the span allows, and those that stood in line for a login or
    a stopped process and left together, which the limiter's places bound.
    """
    sent = wire.sent
    burst = max(1.0, calls_per_s) + PLACES
    for first, start_s in enumerate(sent):
        for count, end_s in enumerate(sent[first:], 1):
            if count > burst + calls_per_s * (end_s - start_s) + 1e-6:
                yield f"quota: {count} calls in {end_s - start_s:.2f} s"
                return
    for told_s, pause_s in wire.told:
        early = [at for at in sent if told_s + 1.0 < at < told_s + pause_s - 0.01]
        if early:
            yield f"quota: told at {told_s:.2f} to wait {pause_s:.0f} s, called again at {early[0]:.2f}"
            return


def _of_order(world: "World", reference: str, rows: list[RunRow], tickets: list[Ticket]) -> list[str]:
    found = []
    told = _told(reference, rows, tickets)
    created = any(row.outcome == "created" for row in rows)
    goods = "sim_posting" if world.scenario.kind == "blind" else "sim_order"
    for kind in ("sim_reservation", goods) if world.scenario.reserves else (goods,):
        standing = [kept.number for kept in world.erp.standing(kind, reference)]
        if len(standing) > 1 and not told:
            found.append(f"duplicate: {kind} {reference} stands as {', '.join(standing)}, and no ticket says so")
        if created and not standing and not told:
            found.append(f"lost: {kind} {reference} was created by a run and stands nowhere")
        if not created and standing and not told:
            found.append(f"half: {kind} {reference} stands as {', '.join(standing)}, though its saga was undone")
        amounts = {kept.asked.amount for kept in world.erp.standing(kind, reference)}
        if kind != "sim_posting" and created and standing and not told and amounts != {world.items[reference].amount}:
            found.append(f"wrong: {kind} {reference} is not what was asked")
    (status,) = world.crm.standing("sim_status", reference)
    if status.asked.amount != int(created) and not told:
        found.append(f"half: the status of {reference} is {status.asked.amount}, though created is {created}")
    return found


def _told(reference: str, rows: list[RunRow], tickets: list[Ticket]) -> bool:
    """Whether an open ticket is about the order."""
    ids = {row.id for row in rows}
    return any(
        ticket.reference == reference or any(link.run_id in ids or link.reference == reference for link in ticket.runs)
        for ticket in tickets
    )
