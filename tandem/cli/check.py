"""``tandem check``: every mistake of a workspace in one line."""

from typing import Annotated

import typer

from tandem.cli.session import Session, session_of
from tandem.errors import WorkspaceError
from tandem.text import tr
from tandem.workspace.check import Report
from tandem.workspace.check import check as check_workspace

MISTAKES = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "check",
        help=tr(
            "Check every file of the workspace and of what comes with Tandem: form, names, ladders, recordings, roles. "
            "Each mistake is one line with file, line, the wrong value and the valid ones. Exit code 2 when there is "
            "any."
        ),
        short_help=tr("Explain every mistake of the workspace."),
        epilog=tr("Example: tandem check --json"),
    )(check)


def check(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print one JSON object on one line."))] = False,
) -> None:
    """Print the mistakes and warnings; exit with 2 when there are mistakes."""
    session = session_of(context)
    report = check_workspace(session.find_folder())
    if as_json:
        session.json(_data(report))
    else:
        _print(session, report)
    if report.mistakes:
        raise typer.Exit(MISTAKES)


def _print(session: Session, report: Report) -> None:
    for mistake in report.mistakes:
        session.print(str(mistake))
    for warning in report.warnings:
        session.print(tr("Warning: {text}", text=warning), style="yellow")
    if report.mistakes:
        session.print(
            tr("Mistakes: {count}, in {files} files checked.", count=len(report.mistakes), files=report.files)
        )
    else:
        session.print(tr("{files} files checked, no mistake.", files=report.files))


def _data(report: Report) -> dict[str, object]:
    return {
        "files": report.files,
        "mistakes": [_entry(error) for error in report.mistakes],
        "warnings": [_entry(error) for error in report.warnings],
    }


def _entry(error: WorkspaceError) -> dict[str, object]:
    line = error.fields.get("line")
    return {"file": error.fields.get("file"), "line": int(line) if line else None, "message": str(error)}
