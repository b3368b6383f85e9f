"""``tandem workers``: who executes runs."""

from dataclasses import asdict
from typing import Annotated

import typer
from sqlalchemy import Connection

from tandem.cli.books import read
from tandem.cli.session import session_of
from tandem.cli.words import moment
from tandem.store import runs, workers
from tandem.store.workers import WorkerRow
from tandem.text import tr


def register(app: typer.Typer) -> None:
    """Add the command."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=tr("Workers: who executes runs."))
    group.command(
        "list",
        help=tr(
            "Every worker with its queues, when it was last seen and how many runs it has in hand; then the runs that "
            "are ready and that no worker can go on with."
        ),
        short_help=tr("Every worker, and what it does."),
        epilog=tr("Example: tandem workers list --json"),
    )(list_workers)
    app.add_typer(group, name="workers")


def list_workers(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line."))] = False,
) -> None:
    """Print the workers."""
    session = session_of(context)
    found, unserved = read(session, _stand)
    if as_json:
        session.json({"workers": [asdict(row) for row in found], "unserved": unserved})
        return
    columns = (tr("worker"), tr("queues"), tr("at a time"), tr("in hand"), tr("began"), tr("last seen"), tr("state"))
    session.table(columns, map(_row, found))
    for queue, count in unserved.items():
        session.print(
            tr("Runs ready in queue {queue}, which no worker serves: {count}.", count=count, queue=queue),
            style="bold red",
        )


def _stand(books: Connection) -> tuple[list[WorkerRow], dict[str, int]]:
    found = workers.list_all(books)
    alive = [row for row in found if row.alive]
    everywhere = any(row.queues is None for row in alive)
    served = {queue for row in alive for queue in row.queues or ()}
    ready = runs.count_ready_by_queue(books)
    return found, {} if everywhere else {queue: count for queue, count in ready.items() if queue not in served}


def _row(row: WorkerRow) -> tuple[object, ...]:
    queues = tr("all") if row.queues is None else ", ".join(row.queues)
    state = tr("alive") if row.alive else tr("dead")
    return row.name, queues, row.concurrency, row.in_hand, moment(row.started_at), moment(row.seen_at), state
