"""``tandem prune``: let go of what ended long ago."""

import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from tandem.cli.session import Session, session_of
from tandem.cli.stopping import carry_out
from tandem.cli.work import progress_bar
from tandem.engine.retention import Pruned, Pruning
from tandem.errors import UsageError
from tandem.store.evidence import EvidenceStore
from tandem.text import tr
from tandem.workspace.store import open_store


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "prune",
        help=tr(
            "Delete finished runs of long ago with their journals, and evidence that nothing refers to any more. "
            "Tickets, audit and whatever open work needs stay; no order is made twice because its run has gone."
        ),
        short_help=tr("Delete finished runs of long ago."),
        epilog=tr("Example: tandem prune --older-than 90d --dry-run"),
    )(prune)


def prune(
    context: typer.Context,
    older_than: Annotated[str, typer.Option("--older-than", help=tr("How long ago it ended, in days, such as 90d."))],
    dry_run: Annotated[bool, typer.Option("--dry-run", help=tr("Count what would go; delete nothing."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line."))] = False,
) -> None:
    """Prune the workspace's books; may be stopped at any time, and run beside a working engine."""
    session = session_of(context)
    before = datetime.now(UTC) - _days(older_than)
    pruned = carry_out(session, _prune(session, before, dry_run=dry_run, quiet=as_json))
    if as_json:
        session.json({"before": before, "dry_run": dry_run, **asdict(pruned)})
        return
    size = decimal(pruned.freed_bytes)
    if dry_run:
        session.print(
            tr("Would go: finished runs: {runs}, evidence files: {files} ({size}).", **asdict(pruned), size=size)
        )
    else:
        session.print(tr("Gone: finished runs: {runs}, evidence files: {files} ({size}).", **asdict(pruned), size=size))


async def _prune(session: Session, before: datetime, *, dry_run: bool, quiet: bool) -> Pruned:
    workspace = session.workspace
    database = open_store(workspace)
    try:
        pruning = Pruning(database, EvidenceStore(workspace.evidence_folder), before)
        if dry_run:
            return await pruning.preview()
        progress = progress_bar(session)
        shown: AbstractContextManager[Any] = nullcontext() if quiet else progress
        with shown:
            bar = progress.add_task("", total=await pruning.total())
            return await pruning.carry_out(lambda runs: progress.advance(bar, runs))
    finally:
        await database.close()


def _days(text: str) -> timedelta:
    found = re.fullmatch(r"([1-9]\d{0,4})d", text)
    if found is None:
        raise UsageError(
            "--older-than {text} is no number of days. Give one from 1d to 99999d, such as 90d.", text=text
        )
    return timedelta(days=int(found[1]))
