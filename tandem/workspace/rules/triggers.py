"""Rules of schedules, calendars and webhooks: bots that can be started so, days that come, senders that can prove."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from tandem import misfit
from tandem.document import Location, mistake
from tandem.document import mistakes as mistakes_of
from tandem.errors import TandemError, WorkspaceError
from tandem.triggers.calendar import Calendar
from tandem.triggers.rule import Rule
from tandem.triggers.settings import ScheduleBlock
from tandem.triggers.webhook_settings import VendorProof, WebhookBlock
from tandem.workspace import code
from tandem.workspace.bot import FOLDER as BOTS
from tandem.workspace.bot import bots, manifest_of
from tandem.workspace.calendars import CALENDAR, calendar_files, calendars
from tandem.workspace.formats import Examined
from tandem.workspace.rules import bindings
from tandem.workspace.rules.names import unknown
from tandem.workspace.vendor import vendors
from tandem.workspace.workspace import Workspace

_AHEAD = timedelta(days=31)


def mistakes(workspace: Workspace) -> Iterator[WorkspaceError]:
    """Mistakes of calendars, and of the schedules of tandem.yaml beyond their form."""
    broken = False
    for path in calendar_files(workspace.roots).values():
        found = CALENDAR.examine(path)
        if not isinstance(found, Examined):
            broken = True
            yield from found
    known = {} if broken else calendars(workspace.roots)
    for name, block in workspace.configuration.schedules.items():
        at = ("schedules", name)
        yield from _of_bot(workspace, at, block.bot)
        yield from _of_start(workspace, at, block)
        if not broken:
            yield from _of_days(workspace, at, block, known)
    for name, webhook in workspace.configuration.webhooks.items():
        yield from _of_bot(workspace, ("webhooks", name), webhook.bot)
        yield from _of_fields(workspace, ("webhooks", name), webhook)
        if isinstance(webhook.proof, VendorProof):
            yield from _of_vendor(workspace, ("webhooks", name, "proof"), webhook.proof)


def warnings(workspace: Workspace) -> Iterator[WorkspaceError]:
    """Calendars that do not know the days to come."""
    try:
        known = calendars(workspace.roots)
    except WorkspaceError:
        return
    year = (datetime.now(UTC) + _AHEAD).year
    for name, block in workspace.configuration.schedules.items():
        calendar = known.get(block.calendar)
        if block.days == "working" and calendar is not None and not calendar.knows(year):
            yield mistake(
                workspace.file,
                ("schedules", name, "calendar"),
                "the calendar {calendar} does not know the year {year} yet: Monday to Friday will count as working "
                "days. Update the package chinesecalendar, or name the days in calendars/NAME.yaml.",
                calendar=block.calendar,
                year=year,
            )


def _of_bot(workspace: Workspace, at: Location, bot: str) -> Iterator[WorkspaceError]:
    """The bot exists, and its roles are filled by systems that play them."""
    known = bots(workspace.roots)
    if bot not in known:
        yield unknown(workspace.file, (*at, "bot"), "bot", bot, list(known))
        return
    if bot in workspace.configuration.bots:
        return
    try:
        roles = manifest_of(bot, workspace.roots).roles
    except TandemError:
        return
    missing = [role for role in roles if role not in workspace.configuration.systems]
    if missing:
        yield mistake(
            workspace.file,
            (*at, "bot"),
            "bot {bot} has no system for {roles}. Name them under bots.{bot}.",
            bot=bot,
            roles=", ".join(missing),
        )
    else:
        yield from bindings.mistakes(workspace, bot)


def _of_start(workspace: Workspace, at: Location, block: ScheduleBlock) -> Iterator[WorkspaceError]:
    module = _process(workspace, block.bot)
    if module is None:
        return
    if block.start == "changed" and not hasattr(module, "poll"):
        yield mistake(
            workspace.file,
            (*at, "start"),
            "start is changed, but bot {bot} has no poll function. Give items instead.",
            bot=block.bot,
        )
    elif block.start == "changed":
        yield from bindings.mistakes_of_poll(workspace, block.bot, (*at, "start"))
    for index, item in enumerate(block.items):
        yield from _of_item(workspace, (*at, "items", index), module, item)


def _of_item(workspace: Workspace, at: Location, module: Any, item: dict[str, str]) -> Iterator[WorkspaceError]:
    """What the bot's own model says of a work item."""
    try:
        module.Item.model_validate({name: text.format(due_on="2026-01-01") for name, text in item.items()})
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            yield mistake(
                workspace.file,
                (*at, *detail["loc"]),
                "no work item of the bot: {key}: {why}. Its fields: {fields}.",
                key=".".join(str(part) for part in detail["loc"]),
                why=misfit.why(detail),
                fields=", ".join(module.Item.model_fields),
            )


def _of_fields(workspace: Workspace, at: Location, webhook: WebhookBlock) -> Iterator[WorkspaceError]:
    """Every field is one of the bot's work item, and none that it needs is missing."""
    module = _process(workspace, webhook.bot)
    if module is None:
        return
    fields = module.Item.model_fields
    for name in webhook.item:
        if name not in fields:
            yield unknown(workspace.file, (*at, "item", name), "field", name, list(fields))
    missing = [name for name, field in fields.items() if field.is_required() and name not in webhook.item]
    if missing:
        yield mistake(
            workspace.file,
            (*at, "item"),
            "the work item of bot {bot} needs {fields}. Say where each stands in the delivery.",
            bot=webhook.bot,
            fields=", ".join(missing),
        )


def _of_vendor(workspace: Workspace, at: Location, proof: VendorProof) -> Iterator[WorkspaceError]:
    """The vendor has a webhook of its own, and takes these settings."""
    known = vendors(workspace.roots)
    if proof.vendor not in known:
        yield unknown(workspace.file, (*at, "vendor"), "vendor", proof.vendor, list(known))
        return
    try:
        module = workspace.vendor(proof.vendor).webhook_module()
    except TandemError:
        return
    if module is None:
        yield mistake(
            workspace.file,
            (*at, "vendor"),
            "vendor {vendor} has no webhook of its own. Use kind: hmac.",
            vendor=proof.vendor,
        )
    else:
        yield from mistakes_of(workspace.file, module.WebhookSettings, (*at, "settings"))


def _of_days(
    workspace: Workspace, at: Location, block: ScheduleBlock, known: dict[str, Calendar]
) -> Iterator[WorkspaceError]:
    if block.calendar not in known:
        yield unknown(workspace.file, (*at, "calendar"), "calendar", block.calendar, list(known))
        return
    calendar = known[block.calendar] if block.days == "working" else None
    if Rule(block.beat, calendar).after(datetime.now(UTC)) is None:
        yield mistake(
            workspace.file,
            at,
            "this schedule is never due: no day fits both {when} and its calendar. Correct one of them.",
            when=block.cron or block.when,
        )


def _process(workspace: Workspace, bot: str) -> Any:
    """The bot's code, when it is in order; its mistakes are told elsewhere."""
    if bot not in bots(workspace.roots):
        return None
    try:
        return code.module(BOTS, bot, "process")
    except TandemError:
        return None
