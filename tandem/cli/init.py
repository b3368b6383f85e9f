"""``tandem init``: a workspace of one's own."""

import shlex
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer

from tandem.cli.session import session_of
from tandem.text import language, tr
from tandem.workspace.founding import found
from tandem.workspace.real import real_servers
from tandem.workspace.roots import FILE, Roots
from tandem.workspace.sandbox import sandboxes


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "init",
        help=tr(
            "Make a workspace: a folder with a commented tandem.yaml that works against the sandboxes. The built-in "
            "bots, vendors, selectors and recordings are found from it; a file at the same place in it goes first."
        ),
        short_help=tr("Make a workspace of one's own."),
        epilog=tr("Example: tandem init acme"),
    )(init)


def init(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help=tr("The folder to make."))],
    vendor: Annotated[
        list[str] | None, typer.Option(help=tr("A vendor to link; may be repeated. By default one for each role."))
    ] = None,
) -> None:
    """Make the workspace and say what to do next."""
    session = session_of(context)
    made = found(folder, language(), vendor or ())
    session.print(tr("Made {file}. Next:", file=made.folder / FILE))
    for vendor_name, url in made.systems.values():
        session.print(f"  {_serving(made.folder, vendor_name)} --port {urlsplit(url).port}")
    for command in ("check", "doctor"):
        session.print(f"  {_tandem(made.folder)} {command}")


def _serving(folder: Path, vendor: str) -> str:
    """The command that serves the system of a vendor for trials: its real server where it has no sandbox."""
    roots = Roots.of(None)
    is_real = vendor not in sandboxes(roots) and vendor in real_servers(roots)
    return f"{_tandem(folder)} real up {vendor}" if is_real else f"tandem sandbox {vendor}"


def _tandem(folder: Path) -> str:
    return f"tandem --workspace {shlex.quote(str(folder))}"
