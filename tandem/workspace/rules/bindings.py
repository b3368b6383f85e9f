"""Rules of the bots' bindings: a system for each role, that plays it and offers what the bot performs there."""

from collections.abc import Iterator

from tandem.document import Location, mistake
from tandem.domain.operation import CHANNELS, ChannelName
from tandem.errors import TandemError, WorkspaceError
from tandem.text import listed
from tandem.workspace.bot import BOT, bots
from tandem.workspace.formats import Examined
from tandem.workspace.rules.names import unknown
from tandem.workspace.vendor import Vendor
from tandem.workspace.workspace import Workspace


def mistakes(workspace: Workspace, bot: str) -> Iterator[WorkspaceError]:
    """Mistakes of the systems that tandem.yaml gives the bot. A role that it does not name has its namesake."""
    known, systems = bots(workspace.roots), workspace.configuration.systems
    if bot not in known:
        yield unknown(workspace.file, ("bots", bot), "bot", bot, list(known))
        return
    manifest = BOT.examine(known[bot])
    if not isinstance(manifest, Examined):
        return
    roles, named = manifest.model.roles, workspace.configuration.bots.get(bot, {})
    for role, operations in roles.items():
        if named.get(role, role) in systems:
            yield from _of_role(workspace, bot, role, operations)
        elif role not in named:
            yield mistake(
                workspace.file,
                ("bots", bot),
                "bot {bot} needs a system for its role {role}. Add: {role}: <system>, one of {valid}.",
                bot=bot,
                role=role,
                valid=listed(systems),
            )
    for role, system in named.items():
        if role not in roles:
            yield unknown(workspace.file, ("bots", bot, role), "role", role, list(roles))
        elif system not in systems:
            yield unknown(workspace.file, ("bots", bot, role), "system", system, list(systems))


def mistakes_of_poll(workspace: Workspace, bot: str, at: Location) -> Iterator[WorkspaceError]:
    """Where the bot's systems do not tell what changed, so that it could be started on items only."""
    manifest = BOT.examine(bots(workspace.roots)[bot])
    if not isinstance(manifest, Examined):
        return
    for role, operations in manifest.model.poll.items():
        name = workspace.configuration.bots.get(bot, {}).get(role, role)
        system = workspace.configuration.systems.get(name)
        vendor = vendor_in_order(workspace, system.vendor) if system is not None else None
        if vendor is not None:
            yield from _not_offered(workspace, at, bot, name, vendor, operations)


def vendor_in_order(workspace: Workspace, name: str) -> Vendor | None:
    """The vendor, when its own manifest and code are in order; their mistakes are told elsewhere."""
    try:
        vendor = workspace.vendor(name)
        vendor.operations_module()
    except TandemError:
        return None
    return vendor


def _of_role(workspace: Workspace, bot: str, role: str, operations: tuple[str, ...]) -> Iterator[WorkspaceError]:
    """The system in a role plays it, and offers its operations on a configured channel."""
    name = workspace.configuration.bots.get(bot, {}).get(role, role)
    system = workspace.configuration.systems[name]
    vendor = vendor_in_order(workspace, system.vendor)
    if vendor is None:
        return
    at = ("bots", bot, role)
    if role not in vendor.manifest.roles:
        yield mistake(
            workspace.file,
            at,
            "system {system} is of vendor {vendor}, which plays {valid}, not {role}. Bind another system.",
            system=name,
            vendor=system.vendor,
            valid=", ".join(vendor.manifest.roles),
            role=role,
        )
        return
    yield from _not_offered(workspace, at, bot, name, vendor, operations)


def _not_offered(
    workspace: Workspace, at: Location, bot: str, name: str, vendor: Vendor, operations: tuple[str, ...]
) -> Iterator[WorkspaceError]:
    system = workspace.configuration.systems[name]
    configured: set[ChannelName] = {channel for channel in CHANNELS if getattr(system, channel) is not None}
    for operation in operations:
        ladder = vendor.manifest.operations[operation].ladder if operation in vendor.manifest.operations else ()
        if not configured.intersection(ladder):
            yield mistake(
                workspace.file,
                at,
                "bot {bot} performs {operation} on system {system}, but {vendor} offers it on {offered}, and "
                "configured are {configured}. Configure one of these channels, or bind another system.",
                bot=bot,
                operation=operation,
                system=name,
                vendor=vendor.name,
                offered=", ".join(ladder) or "no channel",
                configured=listed(sorted(configured)),
            )
