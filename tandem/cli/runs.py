"""``tandem runs``: what was worked on, and what became of it."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from tandem.cli.books import read
from tandem.cli.session import Session, session_of
from tandem.cli.words import moment, word
from tandem.cli.work import result_text
from tandem.document import closest
from tandem.errors import TandemError, UsageError
from tandem.store import journal, runs
from tandem.store.journal import Entry
from tandem.store.runs import RunRow
from tandem.text import tr
from tandem.workspace.bot import manifest_of

_STATUSES = ("ready", "running", "waiting", "finished")


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help=tr("Runs: what was worked on."))
    group.command("list", help=tr("The newest runs."), epilog=tr("Example: tandem runs list --status waiting"))(
        list_runs
    )
    group.command(
        "show",
        help=tr("One run with its journal: every attempt, answer, read-back."),
        epilog=tr("Example: tandem runs show 01k3f9…"),
    )(show_run)
    app.add_typer(group, name="runs")


def list_runs(
    context: typer.Context,
    status: Annotated[str | None, typer.Option(help=tr("Only ready, running, waiting or finished ones."))] = None,
    bot: Annotated[str | None, typer.Option(help=tr("Only those of this bot."))] = None,
    limit: Annotated[int, typer.Option(help=tr("How many."), min=1)] = 20,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON array on one line."))] = False,
) -> None:
    """Print the newest runs."""
    session = session_of(context)
    if status is not None and status not in _STATUSES:
        raise UsageError(
            "There is no run status {status}. Valid values: {valid}.{guess}",
            status=status,
            valid=", ".join(_STATUSES),
            guess=closest(status, _STATUSES),
        )
    found = read(session, lambda books: runs.list_newest(books, limit, status=_status(status), bot=bot))
    if bot is not None and not found:
        manifest_of(bot, session.workspace.roots)  # tells the bots there are, when this is none
    if as_json:
        session.json([_data(row) for row in found])
        return
    columns = (tr("run"), tr("bot"), tr("work item"), tr("status"), tr("outcome"), tr("ticket"), tr("began"))
    session.table(columns, (_row(row) for row in found))


def show_run(
    context: typer.Context,
    run: Annotated[str, typer.Argument(help=tr("The run's id."))],
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line."))] = False,
) -> None:
    """Print one run and its journal."""
    session = session_of(context)
    if not run.strip():
        raise UsageError("The run's id is empty. List the runs with: tandem runs list")
    row, entries = read(session, lambda books: _with_journal(books, run))
    if as_json:
        session.json(_data(row) | {"healed": healed(entries), "journal": [entry._asdict() for entry in entries]})
        return
    session.table((tr("field"), tr("value")), [*_fields(row), (tr("healed"), _healed_text(session, entries))])
    session.print()
    session.table((tr("at"), tr("step"), tr("what"), tr("detail")), map(_entry, entries))


def _with_journal(books: Connection, run: str) -> tuple[RunRow, list[Entry]]:
    row = runs.find(books, run)
    if row is None:
        raise UsageError("There is no run {run}. List them with: tandem runs list", run=run)
    return row, journal.load(books, run)


def _status(text: str | None) -> Any:
    return text


def _row(row: RunRow) -> tuple[object, ...]:
    return row.id, row.bot, row.business_key, word(row.status), word(row.outcome), row.ticket_id, moment(row.created_at)


def _fields(row: RunRow) -> list[tuple[str, object]]:
    return [
        (tr("run"), row.id),
        (tr("bot"), row.bot),
        (tr("work item"), row.business_key),
        (tr("status"), word(row.status)),
        (tr("outcome"), word(row.outcome)),
        (tr("result"), result_text(row.result)),
        (tr("began"), moment(row.created_at)),
        (tr("ended"), moment(row.finished_at)),
        (tr("due"), moment(row.wake_at)),
        (tr("ticket"), row.ticket_id),
    ]


def _entry(entry: Entry) -> tuple[object, ...]:
    return moment(entry.at), entry.step, entry.kind, _detail(entry.body)


def healed(entries: Iterable[Entry]) -> list[dict[str, Any]]:
    """The elements of screens that only a later candidate found, each once, with the proposed patch if there is one."""
    found = {(entry.body["screen"], entry.body["element"]): entry.body for entry in entries if entry.kind == "healed"}
    return list(found.values())


def _healed_text(session: Session, entries: Iterable[Entry]) -> str:
    folder = session.workspace.evidence_folder
    lines = (
        f"{each['channel']}, {each['screen']}: {each['element']} {folder / each['patch'] if each['patch'] else ''}"
        for each in healed(entries)
    )
    return "\n".join(line.rstrip() for line in lines)


def _detail(body: dict[str, Any]) -> str:
    """What a reader wants of a journal entry: the plain values, and the error in words."""
    plain = [f"{name}={value}" for name, value in body.items() if isinstance(value, (str, int, float))]
    error = body.get("error")
    return "; ".join([*plain, *([str(TandemError.restored(error))] if isinstance(error, dict) else [])])


def _data(row: RunRow) -> dict[str, object]:
    return asdict(row)
