"""``tandem demo``: a bot at work on sandboxes with faults switched on, and the proof of the books."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from tandem import log
from tandem.cli.session import session_of
from tandem.cli.show import Show
from tandem.cli.stopping import carry_out
from tandem.errors import UsageError
from tandem.text import language, listed, tr
from tandem.workspace.bot import bots
from tandem.workspace.demonstration import Demonstration, staged
from tandem.workspace.formats import Format
from tandem.workspace.roots import Roots

_FILE = "demo.yaml"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "demo",
        help=tr(
            "Show a bot at work: sandboxes of its vendors are started on this machine, orders are run with faults "
            "switched on, first through the API, then through the browser and the desktop client, and the books are "
            "proved: every order accounted for, none twice."
        ),
        short_help=tr("Show a bot at work on sandboxes, with faults, and prove the books."),
        epilog=tr("Example: tandem demo --orders invoices.csv.gz"),
    )(demo)


def demo(
    context: typer.Context,
    orders: Annotated[
        str | None, typer.Option(help=tr("A CSV or CSV.gz file of invoice lines, or how many orders to generate."))
    ] = None,
    bot: Annotated[
        str | None, typer.Option(help=tr("The bot to show; by default the one that has a demonstration."))
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help=tr("Where to make its workspace; by default tandem-demo/ with the time."))
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line at the end."))] = False,
) -> None:
    """Run the demonstration; exit with 1 when an order is not accounted for or stands twice."""
    session = session_of(context)
    name, demonstration = _demonstration(bot)
    place = folder or Path("tandem-demo") / datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    with staged(place, language(), demonstration, orders or str(demonstration.orders)) as stage:
        log.configure(level="ERROR", file=stage.workspace.log_file)
        show = Show(session, stage, name, demonstration, quiet=as_json)
        figures = carry_out(replace(session, folder=place), show.run())
    if as_json:
        session.json(figures.data())
    else:
        figures.print(session, place)
    if not figures.proved:
        raise typer.Exit(1)


def _demonstration(bot: str | None) -> tuple[str, Demonstration]:
    """The bot that has a demonstration, and the demonstration. Raises UsageError."""
    roots = Roots.of(None)
    found = {name: path for name in bots(roots) if (path := roots.file("bots", name, _FILE)) is not None}
    name = bot or next(iter(found), "")
    if name not in found:
        raise UsageError("Bot {bot} has no demonstration. Bots that have one: {valid}.", bot=name, valid=listed(found))
    return name, Format("demo", Demonstration).read(found[name])
