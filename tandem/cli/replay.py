"""``tandem replay``: one recording on one system, each step shown as it is carried out."""

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from tandem import misfit
from tandem.channels.recording import LOGIN, Recording
from tandem.cli.example import example_recording
from tandem.cli.person import present
from tandem.cli.session import Session, session_of
from tandem.cli.stopping import carry_out
from tandem.document import closest
from tandem.domain.channel import Attempt, Channel
from tandem.domain.clock import new_id
from tandem.domain.operation import Operation, operation_named
from tandem.domain.record import Record
from tandem.engine.attendant import preview_of
from tandem.errors import LoginExpired, UsageError
from tandem.text import listed, tr
from tandem.workspace.catalogue import RECORDING
from tandem.workspace.roots import Roots
from tandem.workspace.rules.names import known_operations
from tandem.workspace.workspace import Workspace


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "replay",
        help=tr(
            "Carry out one recording on a system of the workspace, each step shown. A write is shown field by field "
            "first, and asked about."
        ),
        short_help=tr("Carry out one recording, step by step."),
        epilog=tr("Example: tandem replay {recording} --request request.json", recording=example_recording()),
    )(replay)


def replay(
    context: typer.Context,
    recording: Annotated[str, typer.Argument(help=tr("<vendor>/<operation>.<channel>."))],
    request: Annotated[str, typer.Option(help=tr("The operation's request: JSON, or a file of it."))] = "{}",
    system: Annotated[str | None, typer.Option(help=tr("The system; by default the only one of the vendor."))] = None,
    yes: Annotated[bool, typer.Option("--yes", help=tr("Do not ask before a write."))] = False,
    as_json: Annotated[bool, typer.Option("--json", help=tr("Print the result as JSON on one line."))] = False,
) -> None:
    """Replay a recording and print the operation's result."""
    session = session_of(context)
    vendor, found = _recording(session.workspace, recording)
    operation = operation_named(found.operation)
    attempt = Attempt(
        operation, system or _only_system(session.workspace, vendor), _request(operation, request), None, new_id()
    )
    result = carry_out(session, _carry_out(session, attempt, found, asked=operation.writes and not yes))
    if as_json:
        session.json(result.model_dump(mode="json"))
    else:
        session.console.print_json(result.model_dump_json())


async def _carry_out(session: Session, attempt: Attempt, recording: Recording, *, asked: bool) -> Record:
    if asked:
        preview = preview_of(attempt.system, attempt.operation, attempt.request, (recording.channel,))
        if not await present(session).approve(preview):
            raise UsageError("Nothing was written.")
    from tandem.workspace.engine import channel_of, vault_of  # loads all channels, which other commands must not need

    workspace = session.workspace
    channel = channel_of(workspace, attempt.system, recording.channel, vault_of(workspace), said=session.say)
    if channel is None:
        raise UsageError(
            "System {system} has no {channel} block in tandem.yaml. Add one.",
            system=attempt.system,
            channel=recording.channel,
        )
    try:
        return await _logged_in(channel, attempt)
    finally:
        await channel.aclose()


async def _logged_in(channel: Channel, attempt: Attempt) -> Record:
    try:
        return await channel.perform(attempt)
    except LoginExpired:
        await channel.login()
        return await channel.perform(attempt)


def _recording(workspace: Workspace, name: str) -> tuple[str, Recording]:
    """The vendor and the recording. Raises UsageError, WorkspaceError."""
    known = _known(workspace.roots)
    wanted = name.removeprefix("recordings/").removesuffix(".yaml")
    if wanted not in known:
        raise UsageError(
            "There is no recording {name}. Recordings: {valid}.{guess}",
            name=name,
            valid=listed(known),
            guess=closest(wanted, list(known)),
        )
    known_operations()
    return wanted.split("/")[0], RECORDING.read(known[wanted])


def _known(roots: Roots) -> dict[str, Path]:
    found = {name.removesuffix(".yaml"): path for name, path in roots.files("recordings", ".yaml").items()}
    return {name: path for name, path in found.items() if name.split("/")[-1].split(".")[0] != LOGIN}


def _only_system(workspace: Workspace, vendor: str) -> str:
    names = [name for name, system in workspace.configuration.systems.items() if system.vendor == vendor]
    if len(names) != 1:
        raise UsageError(
            "The workspace has {count} systems of vendor {vendor}. Say which with --system, one of {valid}.",
            count=len(names),
            vendor=vendor,
            valid=listed(workspace.configuration.systems),
        )
    return names[0]


def _request(operation: Operation[Any, Any], text: str) -> Record:
    """The request from JSON or a file of it. Raises UsageError with the fields that are wrong."""
    if not text.lstrip().startswith("{"):
        try:
            text = Path(text).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else tr("it is not UTF-8 text")
            raise UsageError("The request {file} cannot be read: {why}.", file=text, why=why) from None
    try:
        request: Record = operation.request.model_validate_json(text)
    except ValidationError as error:
        raise UsageError(
            "The request of {operation} is not valid: {why}. Its fields: {valid}.",
            operation=operation.name,
            why="; ".join(_fault(detail) for detail in error.errors(include_url=False, include_input=False)),
            valid=", ".join(operation.request.model_fields),
        ) from None
    return request


def _fault(detail: ErrorDetails) -> str:
    where = ".".join(str(part) for part in detail["loc"])
    why = misfit.why(detail)
    return f"{where}: {why}" if where else why
