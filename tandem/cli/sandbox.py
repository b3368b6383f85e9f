"""``tandem sandbox``: a local stand-in for a vendor's system, with faults on demand."""

from typing import Annotated

import typer

from tandem.cli.example import example_vendor
from tandem.cli.language import checked
from tandem.cli.session import session_of
from tandem.text import tr
from tandem.workspace import code, sandbox
from tandem.workspace.roots import Roots


def register(app: typer.Typer) -> None:
    """Add the command; its help lists the kinds of fault."""
    short_help = tr("Start a local stand-in for a vendor's system.")
    app.command("sandbox", help=_help(), short_help=short_help, epilog=_example())(serve)


def serve(
    context: typer.Context,
    vendor: Annotated[str, typer.Argument(help=tr("The product."))],
    port: Annotated[int, typer.Option(help=tr("The port on 127.0.0.1; 0 takes a free one."), min=0, max=65535)] = 0,
    orders: Annotated[
        str, typer.Option(help=tr("A CSV or CSV.gz file of invoice lines, or how many orders to generate."))
    ] = "50",
    seed: Annotated[int, typer.Option(help=tr("Decides generated data and which requests are struck."))] = 1,
    fault: Annotated[
        list[str] | None, typer.Option(help=tr("A fault, kind:where:amount[:parameter]; may be repeated."))
    ] = None,
    switch: Annotated[
        list[str] | None, typer.Option(help=tr("An open point of the vendor's contract, name=value; may be repeated."))
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help=tr("Serve HTTPS under a throw-away authority."))] = False,
    language: Annotated[str, typer.Option(help=tr("Language of the screens: en or zh."))] = "en",
) -> None:
    """Serve one sandbox until interrupted; one JSON line with its url and credentials is printed when it is ready."""
    options = sandbox.SandboxOptions(orders, seed, fault or (), switch or (), checked(language), port, tls)
    roots = Roots.of(session_of(context).find_folder())
    code.overlay(roots)
    sandbox.serve(vendor, options, roots)


def _example() -> str:
    return tr(
        "Example: tandem sandbox {vendor} --port 8001 --orders 200 --fault error_503_after_commit:write:0.1",
        vendor=example_vendor(),
    )


def _help() -> str:
    head = tr(
        "Start a local stand-in for a vendor's system: API, web screens and desktop client over one set of books. "
        "When it is ready, one line of JSON tells its url and credentials; Ctrl+C ends it."
    )
    shape = tr(
        "Faults (--fault kind:where:amount[:parameter]): where is an operation, read, write or any, with api/, "
        "web/ or gui/ before it to narrow the channel; amount is a share from 0 to 1, xN (the first N) or xN+M "
        "(N after M)."
    )
    return f"{head}\n\n{shape}\n\n\b\n{sandbox.fault_table()}"
