"""``tandem schema``: the formats of workspace files as JSON Schema, for editors."""

import json
from typing import Annotated

import typer

from tandem.cli.session import session_of
from tandem.document import closest
from tandem.errors import UsageError
from tandem.text import tr
from tandem.workspace.catalogue import FORMATS


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "schema",
        help=tr("Print the JSON Schema of a format of workspace files: {formats}. Without a name, all of them.").format(
            formats=", ".join(FORMATS)
        ),
        short_help=tr("Print the JSON Schema of workspace files."),
        epilog=tr("Example: tandem schema recording > recording.schema.json"),
    )(show)


def show(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help=tr("The format."))] = None,
) -> None:
    """Print one schema, or all of them by name."""
    if name is None:
        data: object = {known: form.schema() for known, form in FORMATS.items()}
    elif name in FORMATS:
        data = FORMATS[name].schema()
    else:
        raise UsageError(
            "There is no format {name}. Formats: {valid}.{guess}",
            name=name,
            valid=", ".join(FORMATS),
            guess=closest(name, list(FORMATS)),
        )
    session_of(context).console.out(json.dumps(data, ensure_ascii=False, indent=2), highlight=False)
