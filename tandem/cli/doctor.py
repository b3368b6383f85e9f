"""``tandem doctor``: what this machine has and lacks."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from tandem.cli.session import session_of
from tandem.text import tr
from tandem.workspace import diagnosis
from tandem.workspace.diagnosis import Finding

_STYLES = {"ok": "green", "missing": "bold red", "unneeded": "dim"}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "doctor",
        help=tr(
            "Look at what Tandem needs: Python, browser, OCR and its languages, display, disk, and, in a workspace, "
            "store, key and systems. What is missing comes with the one command that fetches it. Exit code 1 when "
            "something is missing."
        ),
        short_help=tr("Look at what Tandem needs, and how to get it."),
        epilog=tr("Example: tandem doctor --json"),
    )(diagnose)


def diagnose(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line."))] = False,
) -> None:
    """Print every finding; exit with 1 when something is missing."""
    session = session_of(context)
    findings = list(diagnosis.of_machine())
    if session.find_folder() is not None:
        findings += diagnosis.of_workspace(session.workspace)
    complete = all(finding.state != "missing" for finding in findings)
    if as_json:
        session.json({"complete": complete, "findings": [asdict(finding) for finding in findings]})
    else:
        session.table((tr("what"), tr("state"), tr("found")), map(_row, findings))
    if not complete:
        raise typer.Exit(1)


def _row(finding: Finding) -> tuple[object, ...]:
    words = {"ok": tr("ok"), "missing": tr("missing"), "unneeded": tr("not needed")}
    state = Text(words[finding.state], style=_STYLES[finding.state])
    found = finding.detail if not finding.fix else f"{finding.detail}\n→ {finding.fix}"
    return finding.subject, state, found
