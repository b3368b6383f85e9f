"""The commands, and the options all of them share."""

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

from tandem import log
from tandem.cli.language import check_environment, checked
from tandem.cli.retelling import in_readers_language
from tandem.cli.session import Session
from tandem.text import tr

COMMANDS = (
    "demo",
    "init",
    "check",
    "doctor",
    "sandbox",
    "real",
    "run",
    "worker",
    "workers",
    "runs",
    "schedules",
    "tickets",
    "replay",
    "new",
    "schema",
    "prune",
)
"""Each is a module of this package with ``register``."""


def build(command: str | None = None) -> Any:
    """The program, its help in the chosen language.

    Only the module of ``command`` is loaded, all when it is none of ours: what the others need takes a second to load,
    and must not be needed by ``doctor`` on a machine that lacks it.
    """
    app = typer.Typer(
        help=tr(
            "Tandem makes an ERP and a CRM work as one: every business write has an identity, an outcome and a proof, "
            "whether the vendor's API, web screens or desktop client carried it."
        ),
        epilog=tr("Example: tandem init acme, then: cd acme, then: tandem check"),
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )
    app.callback()(_options)
    for name in (command,) if command in COMMANDS else COMMANDS:
        importlib.import_module(f"tandem.cli.{name}").register(app)
    return in_readers_language(typer.main.get_command(app))


def _options(
    context: typer.Context,
    workspace: Annotated[
        Path | None,
        typer.Option("--workspace", "-w", help=tr("The workspace; by default the one the current folder lies in.")),
    ] = None,
    language: Annotated[str | None, typer.Option(help=tr("Language of messages and help: en or zh."))] = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help=tr("Show events as they happen."))] = False,
) -> None:
    if language is not None:
        checked(language)
    else:
        check_environment()
    log.configure(level="DEBUG" if verbose else "WARNING")
    context.obj = Session(workspace, language, verbose)
