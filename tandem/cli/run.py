"""``tandem run``: let a bot work."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from tandem.cli.example import example_bot
from tandem.cli.person import at_terminal, present, show
from tandem.cli.session import Session, session_of
from tandem.cli.stopping import carry_out
from tandem.cli.words import word
from tandem.cli.work import Watched, engine_of, result_text
from tandem.domain.record import Record
from tandem.engine.attendant import WritePreview
from tandem.engine.bot import work_of
from tandem.engine.engine import Engine
from tandem.engine.preview import Forecast
from tandem.errors import UsageError
from tandem.store import runs
from tandem.store.runs import Mode
from tandem.text import tr
from tandem.workspace import batch


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "run",
        help=tr(
            "Let a bot work: on the items given, on a batch file, or on all that changed since the last time. "
            "Without any of these it goes on with runs that are ready or due."
        ),
        short_help=tr("Let a bot work."),
        epilog=tr("Example: tandem run {bot} --batch orders.csv --attended", bot=example_bot()),
    )(run)


def run(
    context: typer.Context,
    bot: Annotated[str, typer.Argument(help=tr("The bot's name."))],
    items: Annotated[list[str] | None, typer.Argument(help=tr("Work items, such as order numbers."))] = None,
    batch_file: Annotated[
        Path | None, typer.Option("--batch", help=tr("A CSV or XLSX file, one work item a row."))
    ] = None,
    changed: Annotated[
        bool, typer.Option("--changed", help=tr("All that changed since the last time, and what was left over then."))
    ] = False,
    attended: Annotated[bool, typer.Option("--attended", help=tr("Show each write field by field, and ask."))] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help=tr("Read, and show the writes it would make; write nothing."))
    ] = False,
    concurrency: Annotated[int, typer.Option(help=tr("How many runs at a time."), min=1, max=512)] = 16,
    patience_s: Annotated[float, typer.Option(help=tr("Seconds to wait for runs that become due."), min=0)] = 120,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line."))] = False,
) -> None:
    """Start runs and work on them; exit with 0 even when some wait for a person."""
    session = session_of(context)
    source = _Source(bot, tuple(items or ()), batch_file, changed)
    if dry_run:
        source.require()
        previews = carry_out(session, _preview(session, source, quiet=as_json))
        if as_json:
            session.json({"bot": bot, "previews": previews})
        return
    watched = Watched(session, quiet=as_json)
    carry_out(session, _work(session, source, watched, attended, 1 if attended else concurrency, patience_s))
    if as_json:
        session.json({"bot": bot, **watched.data()})
    else:
        watched.print()


class _Source:
    """Where the work items come from."""

    def __init__(self, bot: str, items: Sequence[str], batch_file: Path | None, changed: bool) -> None:
        given = [name for name, value in (("items", items), ("--batch", batch_file), ("--changed", changed)) if value]
        if len(given) > 1:
            raise UsageError("{given} exclude each other. Give one of them.", given=", ".join(given))
        self.bot, self.changed = bot, changed
        self._items, self._batch_file = items, batch_file

    def require(self) -> None:
        """For a dry run, which goes on with nothing that was begun. Raises UsageError when nothing is given."""
        if not (self._items or self._batch_file or self.changed):
            raise UsageError(
                "A dry run of bot {bot} needs work items: name them, or give --batch FILE or --changed. Runs that are "
                "ready or due are listed by: tandem runs list",
                bot=self.bot,
            )

    def items(self, engine: Engine, session: Session) -> list[Record]:
        """The work items given; none for ``--changed``. Raises UsageError."""
        kind = engine.bot(self.bot).item
        if self._batch_file is not None:
            return batch.read(self._batch_file, kind)
        if len(kind.model_fields) > 1 and self._items:
            raise UsageError(
                "Work items of bot {bot} have several fields ({fields}). Give them in a file: --batch.",
                bot=self.bot,
                fields=", ".join(kind.model_fields),
            )
        if any(not item.strip() for item in self._items):
            raise UsageError("A work item of bot {bot} is empty. Give its number.", bot=self.bot)
        return [kind.model_validate({next(iter(kind.model_fields)): item}) for item in self._items]


async def _work(
    session: Session, source: _Source, watched: Watched, attended: bool, concurrency: int, patience_s: float
) -> None:
    person = present(session) if attended else at_terminal(session)
    mode: Mode = "attended" if attended else "unattended"
    async with engine_of(session.workspace, person) as engine:
        run_ids = await _started(engine, source, session, mode)
        await watched.work(engine, run_ids, concurrency=concurrency, patience_s=patience_s)


async def _started(engine: Engine, source: _Source, session: Session, mode: Mode) -> list[str] | None:
    """The runs for the work items, after those that were left over of the same ones. Without items: those a person was
    to attend, or None, whatever is ready or due.
    """
    if source.changed:
        started, keys = await engine.poll(source.bot, mode), None
    elif work := work_of(source.items(engine, session)):
        started, keys = await engine.start(source.bot, work, mode), {each.business_key for each in work}
    elif mode == "unattended":
        return None
    else:
        left = await engine.database.read(lambda connection: runs.left_over(connection, source.bot))
        return [row.id for row in left if row.mode == mode]
    left = await engine.database.read(lambda connection: runs.left_over(connection, source.bot))
    return list(dict.fromkeys([*(row.id for row in left if keys is None or row.business_key in keys), *started]))


async def _preview(session: Session, source: _Source, *, quiet: bool) -> list[dict[str, object]]:
    """Shows, and returns, how each item would end and which writes it would make."""
    previews: list[dict[str, object]] = []
    async with engine_of(session.workspace) as engine:
        works = await engine.changed(source.bot) if source.changed else work_of(source.items(engine, session))
        for work in works:
            writes: list[WritePreview] = []
            ending = await engine.preview(source.bot, work, writes.append)
            previews.append(
                {"business_key": work.business_key, **asdict(ending), "writes": [_data(write) for write in writes]}
            )
            if not quiet:
                _print(session, work.business_key, ending, writes)
    if not previews and not quiet:
        session.print(tr("Nothing has changed for bot {bot} since the last time.", bot=source.bot))
    return previews


def _print(session: Session, key: str, ending: Forecast, writes: Sequence[WritePreview]) -> None:
    for write in writes:
        show(session, write)
    session.print(tr("{key} would end as {outcome}. Nothing was written.", key=key, outcome=word(ending.outcome)))
    if text := result_text(ending.result):
        session.print(f"{tr('result')}: {text}")


def _data(write: WritePreview) -> dict[str, object]:
    return {
        "system": write.system,
        "operation": write.operation,
        "present": write.present,
        "fields": dict(write.fields()),
    }
