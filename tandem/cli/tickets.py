"""``tandem tickets``: what a person must settle."""

import getpass
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from tandem.cli.books import read
from tandem.cli.person import at_terminal
from tandem.cli.session import Session, session_of
from tandem.cli.stopping import carry_out
from tandem.cli.words import moment, word
from tandem.cli.work import Watched, engine_of
from tandem.engine.engine import Engine
from tandem.engine.settlement import Settlement
from tandem.errors import StoreBusy, TandemError, UsageError
from tandem.store import tickets
from tandem.store.tickets import Ticket, TicketRun
from tandem.text import tr

_PATIENCE_S = 120.0
_CONCURRENCY = 16

Number = Annotated[int, typer.Argument(help=tr("The ticket's number."))]
AsJson = Annotated[bool, typer.Option("--json", help=tr("Print JSON on one line."))]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=tr("Tickets: what a person must settle."))
    group.command("list", help=tr("The newest open tickets."), epilog=tr("Example: tandem tickets list"))(list_tickets)
    group.command(
        "show",
        help=tr("One ticket: what happened to which document, and the files that show it."),
        epilog=tr("Example: tandem tickets show 3"),
    )(show_ticket)
    group.command(
        "resolve",
        help=tr("Settle a ticket with what was done by hand; it is verified in the books, and the run goes on."),
        epilog=tr("Example: tandem tickets resolve 3 --document 4711"),
    )(resolve)
    group.command(
        "retry",
        help=tr("Try again where the ticket stopped its runs."),
        epilog=tr("Example: tandem tickets retry 3"),
    )(retry)
    app.add_typer(group, name="tickets")


def list_tickets(
    context: typer.Context,
    all_tickets: Annotated[bool, typer.Option("--all", help=tr("Settled ones too."))] = False,
    limit: Annotated[int, typer.Option(help=tr("How many."), min=1)] = 20,
    as_json: AsJson = False,
) -> None:
    """Print the newest tickets."""
    session = session_of(context)
    status = None if all_tickets else "open"
    found = read(session, lambda books: tickets.list_newest(books, limit, status=status))  # type: ignore[arg-type]
    if as_json:
        session.json([_data(session, ticket) for ticket in found])
        return
    columns = (tr("ticket"), tr("status"), tr("system"), tr("operation"), tr("reference"), tr("count"), tr("what"))
    session.table(columns, map(_row, found))


def show_ticket(context: typer.Context, number: Number, as_json: AsJson = False) -> None:
    """Print one ticket with its runs and evidence."""
    session = session_of(context)
    ticket = read(session, lambda books: _found(books, number))
    if as_json:
        session.json(_data(session, ticket))
        return
    session.table((tr("field"), tr("value")), _fields(ticket))
    for link in ticket.runs:
        session.print(stopped_at(link))
    for path in _evidence(session, ticket):
        session.print(path)


def resolve(
    context: typer.Context,
    number: Number,
    document: Annotated[str | None, typer.Option(help=tr("Number of the document made by hand."))] = None,
    reference: Annotated[str | None, typer.Option(help=tr("Which order, when the ticket stopped several."))] = None,
    answer: Annotated[str | None, typer.Option(help=tr("The answer, when the ticket asks a question."))] = None,
    as_json: AsJson = False,
) -> None:
    """Settle a ticket and let its run go on."""
    _settle(session_of(context), number, as_json, document=document, reference=reference, answer=answer)


def retry(context: typer.Context, number: Number, as_json: AsJson = False) -> None:
    """Let the ticket's runs try again."""
    _settle(session_of(context), number, as_json)


def _settle(session: Session, number: int, as_json: bool, **how: str | None) -> None:
    watched = Watched(session, quiet=as_json)
    try:
        carry_out(session, _go_on(session, number, watched, how))
    except StoreBusy as busy:
        carry_out(session, _leave_to_other(session, number, how))
        if not as_json:
            session.print(_left_to_other(busy, number))
    else:
        if not as_json:
            watched.print()
    if as_json:
        session.json({"ticket": number, **watched.data()})


async def _go_on(session: Session, number: int, watched: Watched, how: dict[str, str | None]) -> None:
    async with engine_of(session.workspace, at_terminal(session)) as engine:
        run_ids = await _settled(engine, number, how)
        if run_ids:
            await watched.work(engine, run_ids, concurrency=_CONCURRENCY, patience_s=_PATIENCE_S)


async def _leave_to_other(session: Session, number: int, how: dict[str, str | None]) -> None:
    from tandem.workspace.engine import starting_engine  # loads all channels, which listing must not need

    async with starting_engine(session.workspace) as engine:
        await _settled(engine, number, how)


async def _settled(engine: Engine, number: int, how: dict[str, str | None]) -> list[str]:
    settlement = Settlement(engine, getpass.getuser())
    return await (settlement.resolve(number, **how) if how else settlement.retry(number))


def _left_to_other(busy: StoreBusy, number: int) -> str:
    return tr(
        "Ticket {ticket} is settled. What it stopped goes on in process {pid}, which works on this store, or with the "
        "next: tandem run",
        ticket=number,
        pid=busy.fields["pid"],
    )


def _found(books: Connection, number: int) -> Ticket:
    ticket = tickets.find(books, number)
    if ticket is None:
        raise UsageError("There is no ticket {ticket}. List them with: tandem tickets list", ticket=number)
    return ticket


def _row(ticket: Ticket) -> tuple[object, ...]:
    shown = ticket.system, ticket.operation, ticket.reference, ticket.count, _what(ticket)
    return ticket.id, word(ticket.status), *shown


def _fields(ticket: Ticket) -> list[tuple[str, object]]:
    return [
        (tr("ticket"), ticket.id),
        (tr("status"), word(ticket.status)),
        (tr("what"), _what(ticket)),
        (tr("kind"), ticket.kind),
        (tr("system"), ticket.system),
        (tr("operation"), ticket.operation),
        (tr("channel"), ticket.channel),
        (tr("reference"), ticket.reference),
        (tr("count"), ticket.count),
        (tr("opened"), moment(ticket.opened_at)),
        (tr("last met"), moment(ticket.last_at)),
        (tr("settled"), moment(ticket.resolved_at)),
        (tr("settled by"), word(ticket.resolution)),
    ]


def _what(ticket: Ticket) -> str:
    why = str(TandemError.restored(ticket.error))
    if ticket.kind != "schedule_failed":
        return why
    return tr("Schedule {schedule} cannot fire: {why}", schedule=ticket.reference, why=why)


def stopped_at(link: TicketRun) -> str:
    """Which run a ticket concerns, and where."""
    if link.reference is None:
        return tr("Run {run}, step {step}", run=link.run_id, step=link.step)
    return tr(
        "Run {run}, step {step}, reference {reference}", run=link.run_id, step=link.step, reference=link.reference
    )


def _evidence(session: Session, ticket: Ticket) -> list[str]:
    return [str(session.workspace.evidence_folder / file.path) for file in ticket.evidence]


def _data(session: Session, ticket: Ticket) -> dict[str, Any]:
    return asdict(ticket) | {"message": _what(ticket), "evidence": _evidence(session, ticket)}
