"""The triggers of a workspace, as tandem.yaml has them, and the service that keeps them."""

import asyncio
from typing import TYPE_CHECKING

from tandem.document import closest
from tandem.domain.delivery import Proof
from tandem.engine.engine import Engine
from tandem.errors import UsageError
from tandem.text import listed
from tandem.triggers.calendar import Calendar
from tandem.triggers.intake import Webhook
from tandem.triggers.rule import Rule
from tandem.triggers.schedule import Schedule
from tandem.triggers.scheduler import keep_schedules
from tandem.triggers.settings import ScheduleBlock
from tandem.triggers.standard_webhook import SHORTEST_KEY, StandardWebhook, key_of
from tandem.triggers.webhook_settings import HmacProof, VendorProof
from tandem.workspace.calendars import calendars
from tandem.workspace.roots import FILE
from tandem.workspace.secret import with_secrets
from tandem.workspace.workspace import Workspace

if TYPE_CHECKING:
    from tandem.triggers.server import WebhookServer


async def serve(workspace: Workspace, engine: Engine) -> None:
    """Keep the schedules and take in the webhooks, until cancelled. Starts runs; a worker executes them.

    Raises UsageError when the server's address is taken or a secret cannot be fetched, WorkspaceError.
    """
    kept = list(schedules(workspace).values())
    server = webhook_server(workspace, engine) if workspace.configuration.webhooks else None
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(keep_schedules(engine, kept), name="schedules")
            if server is not None:
                group.create_task(server.run(), name="webhooks")
            await asyncio.Event().wait()
    finally:
        if server is not None:
            server.close()


def webhook_server(workspace: Workspace, engine: Engine) -> "WebhookServer":
    """The server of the webhooks, listening. Raises UsageError, WorkspaceError."""
    try:
        from tandem.triggers.server import Door, WebhookServer, webhook_app
    except ModuleNotFoundError as error:
        raise UsageError(
            "Webhooks need the package {package}, which is not installed. Run: pip install 'tandem-rpa[server]'",
            package=error.name,
        ) from None
    settings = workspace.configuration.server
    doors = {}
    for name, block in workspace.configuration.webhooks.items():
        proof = with_secrets(block.proof, workspace.folder)
        webhook = Webhook(name, block.bot, block.item, _proof(workspace, name, proof))
        doors[name] = Door(webhook, _keys(proof))
    return WebhookServer(webhook_app(engine, doors, settings.max_body_bytes), settings.host, settings.port)


def schedules(workspace: Workspace) -> dict[str, Schedule]:
    """The schedules by name. Raises WorkspaceError, UsageError."""
    known = calendars(workspace.roots)
    return {name: _schedule(name, block, known) for name, block in workspace.configuration.schedules.items()}


def schedule_named(workspace: Workspace, name: str) -> Schedule:
    """One schedule. Raises UsageError with the names there are."""
    known = schedules(workspace)
    if name not in known:
        raise UsageError(
            "There is no schedule {name} in {file}. Schedules: {valid}.{guess}",
            name=name,
            file=workspace.folder / FILE,
            valid=listed(known),
            guess=closest(name, list(known)),
        )
    return known[name]


def _schedule(name: str, block: ScheduleBlock, known: dict[str, Calendar]) -> Schedule:
    return Schedule(
        name,
        block.bot,
        Rule(block.beat, _calendar(name, block, known)),
        block.when,
        block.items or None,
        block.misfire,
        block.misfire_grace,
        block.misfire_limit,
        block.overlap,
    )


def _calendar(name: str, block: ScheduleBlock, known: dict[str, Calendar]) -> Calendar | None:
    if block.days == "every":
        return None
    if block.calendar not in known:
        raise UsageError(
            "Schedule {schedule}: there is no calendar {name}. Calendars: {valid}.{guess}",
            schedule=name,
            name=block.calendar,
            valid=", ".join(known),
            guess=closest(block.calendar, list(known)),
        )
    return known[block.calendar]


def _proof(workspace: Workspace, name: str, proof: HmacProof | VendorProof) -> Proof:
    if isinstance(proof, HmacProof):
        secrets = [each.get_secret_value() for each in (proof.secret, proof.previous_secret) if each is not None]
        return StandardWebhook([_key(name, secret) for secret in secrets], proof.window)
    module = workspace.vendor(proof.vendor).webhook_module()
    if module is None:
        raise UsageError(
            "Webhook {webhook}: vendor {vendor} has no webhook of its own. Use kind: hmac.",
            webhook=name,
            vendor=proof.vendor,
        )
    made: Proof = module.webhook(module.WebhookSettings.model_validate(proof.settings))
    return made


def _key(webhook: str, secret: str) -> bytes:
    try:
        return key_of(secret)
    except ValueError:
        raise UsageError(
            "The secret of webhook {webhook} is no secret: it must be whsec_ and base64, or text, of at least "
            "{shortest} bytes. Make one with: openssl rand -base64 32",
            webhook=webhook,
            shortest=SHORTEST_KEY,
        ) from None


def _keys(proof: HmacProof | VendorProof) -> tuple[str, ...]:
    """The keys that the address of the webhook may show; none: it shows no key."""
    if isinstance(proof, HmacProof):
        return ()
    return tuple(each.get_secret_value() for each in (proof.key, proof.previous_key) if each is not None)
