"""What must hold when everything is at rest."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from tandem.engine.late_look import BOT as LATE_LOOK
from tandem.store.runs import RunRow
from tests.simulation.account import Account, accounts
from tests.simulation.network import PLACES, Wire

if TYPE_CHECKING:
    from tests.simulation.world import World


def violations(world: "World") -> list[str]:
    """Every promise that was broken, a sentence each, that begins with its kind."""
    if world.witness.objections:
        return world.witness.objections
    rows = world.all_runs()
    found = [
        f"stuck: {row.bot} {row.business_key} is {row.status}, and no ticket says why" for row in unfinished(world)
    ]
    for account in accounts(world, rows):
        found += _of_order(world, account)
    found += [text for wire in world.wires for text in _of_quota(wire, world.scenario.calls_per_s)]
    found += [f"failure: {failure}" for failure in world.loop.failures]
    found += [f"failure: {process.name}: {error!r}" for process in world.loop.processes for error in process.failures]
    return found


def unfinished(world: "World") -> list[RunRow]:
    """The runs that have not ended and that no open ticket stops, neither themselves nor one they wait for.

    A run that waits for an instant goes on by itself, whatever tickets it has.
    """
    rows = world.all_runs()
    stopped = {link.run_id for ticket in world.open_tickets() for link in ticket.runs if link.blocking}
    ticketed = {row.id for row in rows if row.status == "waiting" and row.wake_at is None and row.id in stopped}
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


def _of_order(world: "World", account: Account) -> Iterator[str]:
    if not account.runs:
        yield f"lost: {account.reference} was announced for nothing"
        return
    goods = "sim_posting" if world.scenario.kind == "blind" else "sim_order"
    for kind in ("sim_reservation", goods) if world.scenario.reserves else (goods,):
        yield from _of_documents(world, account, kind)
        for run in account.runs:
            yield from _of_run(world, account, run, kind)
    yield from _of_status(world, account)
    are_ended = all(run.status == "finished" for run in account.runs)
    if are_ended and not account.created_by() and not account.is_refused():
        yield f"lost: {account.reference} was not made, and nobody had refused it"


def _of_documents(world: "World", account: Account, kind: str) -> Iterator[str]:
    """What stands, and what the runs and the tickets say of it."""
    standing = {kept.number for kept in world.erp.standing(kind, account.reference)}
    held = {number for run in account.runs if (number := account.held(run, kind)) is not None}
    extra = standing - held - account.named(kind)
    if extra and not account.is_in_doubt(kind):
        broken = "duplicate" if held & standing or len(extra) > 1 else "half"
        yield f"{broken}: {kind} {account.reference} stands as {_list(extra)} too, and no run and no ticket says so"
    if account.cancelled(kind) & standing:
        left = account.cancelled(kind) & standing
        yield f"wrong: a ticket says that {kind} {_list(left)} was cancelled, and it stands"
    untold = account.twins_cancelled(kind) - account.twins_told()
    if untold:
        yield f"untold: {kind} {_list(untold)} was cancelled beside another document, and no ticket says so"
    if len(held & standing) > 1:
        yield f"duplicate: {kind} {account.reference} was made by several runs, as {_list(held & standing)}"


def _of_run(world: "World", account: Account, run: RunRow, kind: str) -> Iterator[str]:
    """All or nothing; and while it is stopped on its way back, what is left is in its tickets exactly."""
    standing = {kept.number: kept for kept in world.erp.standing(kind, account.reference)}
    held, undoing = account.held(run, kind), account.undoing(run, kind)
    if held is None:
        if run.outcome == "created":
            yield f"lost: {kind} {account.reference} was not made by the run that ended as created"
        return
    stopped_at = account.stopping(run, undoing.name) if undoing is not None else []
    if held not in standing and not stopped_at:
        yield f"lost: {kind} {account.reference} was made as {held}, which stands nowhere"
    if run.outcome == "created":
        asked = world.items[account.reference].amount
        if held in standing and standing[held].asked.amount != asked:
            yield f"wrong: {kind} {held} is not what was asked"
    elif run.status == "finished":
        yield f"half: {kind} {held} was left behind by a run that ended as {run.outcome}"
    elif account.is_undoing(run) and not stopped_at and account.stopping(run):
        yield f"half: {kind} {held} was not undone with the rest, and no ticket says so"
    for ticket in stopped_at:
        if ticket.kind == "not_compensated" and held not in account.named(kind):
            yield f"half: {kind} {held} was not undone, and ticket {ticket.id} does not name it"


def _of_status(world: "World", account: Account) -> Iterator[str]:
    (status,) = world.crm.standing("sim_status", account.reference)
    is_created = bool(account.created_by())
    name = "crm.sim_status.set"
    begun = any(run.status != "finished" and name in account.steps[run.id] for run in account.runs)
    is_told = account.tells("sim_status", "not_compensated") or account.is_in_doubt("sim_status")
    if status.asked.amount != int(is_created) and (is_created or not (begun or is_told)):
        yield f"half: the status of {account.reference} is {status.asked.amount}, though created is {is_created}"


def _list(numbers: set[str]) -> str:
    return ", ".join(sorted(numbers))
