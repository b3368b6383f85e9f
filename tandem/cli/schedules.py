"""``tandem schedules``: when they are due, what became of them, and firing one by hand."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from tandem.cli.books import read
from tandem.cli.session import Session, session_of
from tandem.cli.stopping import carry_out
from tandem.cli.words import moment, word
from tandem.store import firings, tickets
from tandem.store.firings import Firing
from tandem.text import tr
from tandem.triggers.schedule import Schedule
from tandem.workspace.triggers import schedule_named, schedules


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help=tr("Schedules: when bots start by themselves.")
    )
    group.command(
        "list",
        help=tr("The schedules: when each is due next, and what became of its last firing."),
        epilog=tr("Example: tandem schedules list --next 5"),
    )(list_schedules)
    group.command(
        "fire",
        help=tr("Fire a schedule now, by hand. Its runs are carried out by a worker, or by: tandem run"),
        epilog=tr("Example: tandem schedules fire nightly_sync"),
    )(fire)
    app.add_typer(group, name="schedules")


@dataclass(frozen=True)
class _Standing:
    schedule: Schedule
    following: list[datetime]
    last: Firing | None
    outcomes: dict[str, int]
    ticket: int | None


def list_schedules(
    context: typer.Context,
    count: Annotated[int, typer.Option("--next", help=tr("How many firings to come."), min=1, max=1000)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON array on one line."))] = False,
) -> None:
    """Print the schedules with the firings to come, in each schedule's own time zone and in local time."""
    session = session_of(context)
    known = schedules(session.workspace)
    now = datetime.now(UTC)
    found = read(session, lambda books: [_standing(books, each, now, count) for each in known.values()])
    if as_json:
        session.json([_data(each) for each in found])
        return
    columns = (tr("schedule"), tr("bot"), tr("when"), tr("next"), tr("local time"), tr("last firing"), tr("outcome"))
    session.table(columns, map(_row, found))


def fire(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help=tr("The schedule's name."))],
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line."))] = False,
) -> None:
    """Start the schedule's runs."""
    session = session_of(context)
    run_ids = carry_out(session, _fire(session, schedule_named(session.workspace, name)))
    if as_json:
        session.json({"schedule": name, "runs": run_ids})
    else:
        session.print(tr("Schedule {name} fired. Runs started: {count}.", name=name, count=len(run_ids)))


async def _fire(session: Session, schedule: Schedule) -> list[str]:
    from tandem.triggers.scheduler import Scheduler
    from tandem.workspace.engine import starting_engine  # loads all channels, which listing must not need

    async with starting_engine(session.workspace) as engine:
        return await Scheduler(engine, schedule).fire_now()


def _standing(books: Connection, schedule: Schedule, now: datetime, count: int) -> _Standing:
    last = firings.newest(books, schedule.name)
    outcomes = {} if last is None else firings.outcomes(books, last)
    following = list(islice(schedule.rule.following(now), count))
    return _Standing(schedule, following, last, outcomes, tickets.of_schedule(books, schedule.name))


def _row(standing: _Standing) -> tuple[object, ...]:
    schedule = standing.schedule
    return (
        schedule.name,
        schedule.bot,
        schedule.when,
        "\n".join(at.astimezone(schedule.rule.beat.zone).strftime("%a %Y-%m-%d %H:%M:%S") for at in standing.following),
        "\n".join(moment(at) for at in standing.following),
        "" if standing.last is None else moment(standing.last.due_at),
        _outcome(standing),
    )


def _outcome(standing: _Standing) -> str:
    """``started: 3 created, 1 waiting``."""
    if standing.ticket is not None:
        return tr("cannot fire: ticket {ticket}", ticket=standing.ticket)
    if standing.last is None:
        return ""
    became = ", ".join(f"{count} {word(outcome)}" for outcome, count in standing.outcomes.items())
    outcome = word(standing.last.outcome)
    return f"{outcome}: {became}" if became else outcome


def _data(standing: _Standing) -> dict[str, Any]:
    schedule, last = standing.schedule, standing.last
    zone = schedule.rule.beat.zone
    return {
        "schedule": schedule.name,
        "bot": schedule.bot,
        "when": schedule.when,
        "time_zone": zone.key,
        "next": [at.astimezone(zone) for at in standing.following],
        "last": last
        and {
            "due_at": last.due_at,
            "cause": last.cause,
            "outcome": last.outcome,
            "noted_at": last.noted_at,
            "runs": standing.outcomes,
        },
        "ticket": standing.ticket,
    }
