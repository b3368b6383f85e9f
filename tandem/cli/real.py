"""``tandem real``: a vendor's real server on this machine, for trials and tests."""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from tandem.cli.session import Session, session_of
from tandem.cli.words import moment
from tandem.text import tr
from tandem.workspace import code
from tandem.workspace.real import real_servers, server
from tandem.workspace.real.server import Books, Standing
from tandem.workspace.roots import Roots

Vendor = Annotated[str, typer.Argument(help=tr("The product."))]
AsJson = Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line."))]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        no_args_is_help=True,
        rich_markup_mode=None,
        help=tr(
            "A vendor's real server on this machine: installed from its own packages into an environment of its own "
            "in the workspace's data folder, filled with sample data, bound to 127.0.0.1."
        ),
        short_help=tr("Install, start and stop a vendor's real server."),
    )
    group.command(
        "up",
        help=tr("Install what is missing, make the books when there are none, and start the server."),
        epilog=_example("up"),
    )(up)
    group.command("down", help=tr("Stop the server; what is installed stays."), epilog=_example("down"))(down)
    group.command(
        "status", help=tr("How the server stands: port, process, database, versions."), epilog=_example("status")
    )(status)
    app.add_typer(group, name="real")


def up(
    context: typer.Context,
    vendor: Vendor,
    port: Annotated[
        int, typer.Option(help=tr("The port on 127.0.0.1; 0 takes the last one, or a free one."), min=0, max=65535)
    ] = 0,
    orders: Annotated[
        str | None, typer.Option(help=tr("A CSV or CSV.gz file of invoice lines, or how many orders to generate."))
    ] = None,
    seed: Annotated[int, typer.Option(help=tr("Decides the generated data."))] = 1,
    fresh: Annotated[bool, typer.Option("--fresh", help=tr("Start with the sample data as they were made."))] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the server up; one that runs already is left as it is, unless another --port, or --fresh, is asked for."""
    session = session_of(context)
    roots = _roots(session)
    say = (lambda _: None) if as_json else session.say
    standing = server.up(vendor, session.workspace.data, Books(orders, seed, fresh), port, roots, say)
    _show(session, standing, as_json)


def down(context: typer.Context, vendor: Vendor, as_json: AsJson = False) -> None:
    """Stop the server."""
    session = session_of(context)
    stopped = server.down(vendor, session.workspace.data, _roots(session))
    if as_json:
        session.json({"vendor": vendor, "stopped": stopped})
    else:
        session.print(tr("Stopped.") if stopped else tr("It was not running."))


def status(context: typer.Context, vendor: Vendor, as_json: AsJson = False) -> None:
    """Show how the server stands; exit with 1 when it does not run."""
    session = session_of(context)
    standing = server.status(vendor, session.workspace.data, _roots(session))
    _show(session, standing, as_json)
    if not standing.running:
        raise typer.Exit(1)


def _roots(session: Session) -> Roots:
    roots = session.workspace.roots
    code.overlay(roots)
    return roots


def _show(session: Session, standing: Standing, as_json: bool) -> None:
    if as_json:
        session.json(asdict(standing))
        return
    session.table((tr("what"), tr("found")), _rows(standing), title=standing.title)


def _rows(standing: Standing) -> list[tuple[str, Any]]:
    state = tr("running") if standing.running else tr("stopped") if standing.installed else tr("not installed")
    rows: list[tuple[str, Any]] = [(tr("state"), state)]
    if standing.running:
        rows += [(tr("address"), standing.url), (tr("process"), standing.pid)]
        rows += [(tr("since"), moment(standing.started_at))]
    rows += list(standing.about.items())
    rows += [(tr("login: {name}", name=name), value) for name, value in standing.credentials.items()]
    return rows


def _example(verb: str) -> str:
    vendors = real_servers(Roots.of(None))
    return tr("Example: tandem real {verb} {vendor}", verb=verb, vendor=vendors[0] if vendors else "acme_erp")
