"""``tandem new``: a vendor or a bot of one's own, to start from."""

import sys
from typing import Annotated

import typer

from tandem.cli.session import session_of
from tandem.text import tr
from tandem.workspace.growth import Kind, add


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True, rich_markup_mode=None, help=tr("Start a vendor or a bot of one's own in the workspace.")
    )
    group.command(
        "vendor",
        help=tr("Write a vendor with one operation, its sandbox and a test that passes."),
        epilog=tr("Example: tandem new vendor acme_erp"),
    )(new_vendor)
    group.command(
        "bot",
        help=tr("Write a bot with one step and a test that passes."),
        epilog=tr("Example: tandem new bot credit_check"),
    )(new_bot)
    app.add_typer(group, name="new")


Name = Annotated[str, typer.Argument(help=tr("Small letters, digits and _."))]


def new_vendor(context: typer.Context, name: Name) -> None:
    """Write a vendor's skeleton."""
    _grow(context, "vendor", name)


def new_bot(context: typer.Context, name: Name) -> None:
    """Write a bot's skeleton."""
    _grow(context, "bot", name)


def _grow(context: typer.Context, kind: Kind, name: str) -> None:
    session = session_of(context)
    folder = session.require_folder()
    for path in add(kind, name, folder):
        session.print(str(path.relative_to(folder)))
    session.print(
        tr("Next: tandem check, then: {python} -m pytest {folder}", python=sys.executable, folder=folder / "tests")
    )
