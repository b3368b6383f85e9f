"""The engine of a workspace: systems with their channels, bots bound to them, over the workspace's own store."""

import inspect
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

from tandem.channels.api import ApiChannel
from tandem.channels.browser.channel import BrowserChannel
from tandem.channels.desktop.channel import DesktopChannel
from tandem.channels.guarded import Guarded
from tandem.channels.library import Recordings, Screens
from tandem.channels.replayer import Said
from tandem.domain.channel import Channel
from tandem.domain.operation import ChannelName
from tandem.engine.attendant import Attendant
from tandem.engine.bot import Bot
from tandem.engine.engine import Engine
from tandem.engine.system import Rungs, System
from tandem.errors import UsageError, WorkspaceError
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings
from tandem.store.codec import Codec
from tandem.store.database import Database
from tandem.store.evidence import EvidenceStore
from tandem.store.lock import EngineLock
from tandem.vault import Vault
from tandem.workspace import code
from tandem.workspace.bot import FOLDER as BOTS
from tandem.workspace.bot import manifest_of
from tandem.workspace.configuration import SystemBlock
from tandem.workspace.formats import Format
from tandem.workspace.secret import with_secrets
from tandem.workspace.vendor import Vendor
from tandem.workspace.workspace import Workspace


@asynccontextmanager
async def working_engine(workspace: Workspace, attendant: Attendant | None = None) -> AsyncIterator[Engine]:
    """The workspace's engine, the only one at work on its store; what a dead process left running is ready again.

    Raises UsageError when another process works on the store, WorkspaceError for a mistake in the workspace.
    """
    lock = EngineLock(workspace.store_path)
    lock.acquire()
    try:
        engine = _engine(workspace, attendant)
        try:
            await engine.recover()
            yield engine
        finally:
            await engine.close()
    finally:
        lock.release()


@asynccontextmanager
async def starting_engine(workspace: Workspace) -> AsyncIterator[Engine]:
    """An engine to start runs with, beside those that work on the store. Raises WorkspaceError."""
    engine = _engine(workspace, None)
    try:
        yield engine
    finally:
        await engine.close()


def vault_of(workspace: Workspace) -> Vault:
    """The workspace's vault; its key is made when there is none yet, readable by its owner only."""
    path = workspace.vault_key_path
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_bytes(Vault.new_key())
    return Vault(path.read_bytes())


def channel_of(
    workspace: Workspace, system: str, name: ChannelName, vault: Vault, *, said: Said | None = None
) -> Channel | None:
    """One channel of a system; None when tandem.yaml does not configure it. ``said`` is told the steps of a replay."""
    block = workspace.system(system)
    builders: dict[ChannelName, Callable[..., Channel]] = {
        "api": _api,
        "browser": partial(_browser, said=said),
        "desktop": partial(_desktop, said=said),
    }
    build = builders[name]
    return build(workspace, system, block, vault) if getattr(block, name) is not None else None


def _engine(workspace: Workspace, attendant: Attendant | None) -> Engine:
    vault = vault_of(workspace)
    systems = {name: _system(workspace, name, vault) for name in workspace.configuration.systems}
    bots = {name: _bot(workspace, name, systems) for name in workspace.bots() if _is_bound(workspace, name)}
    return Engine(Database(workspace.store_path), bots, Codec(vault), systems=systems, attendant=attendant)


def _system(workspace: Workspace, name: str, vault: Vault) -> System:
    vendor = workspace.vendor(workspace.system(name).vendor)
    channels: dict[ChannelName, Channel] = {}
    for channel_name in ("api", "browser", "desktop"):
        channel = channel_of(workspace, name, channel_name, vault)
        if channel is not None:
            channels[channel_name] = channel if channel_name == "api" else Guarded(name, channel)
    operations = {
        operation: Rungs(
            rungs.ladder, rungs.settle_s, rungs.late_s, rungs.look_first, rungs.round_waits_s, rungs.confirms
        )
        for operation, rungs in vendor.manifest.operations.items()
    }
    return System(name, vendor.name, channels, operations)


def _api(workspace: Workspace, system: str, block: SystemBlock, vault: Vault) -> Channel:
    vendor = workspace.vendor(block.vendor)
    module = vendor.operations_module()
    if module is None:
        raise UsageError(
            "Vendor {vendor} has no API. Remove the api block of system {system}.", vendor=vendor.name, system=system
        )
    assert block.api is not None
    settings = with_secrets(_with_quota(block.api, vendor), workspace.folder)
    port = HttpPort(system, settings)
    client = module.connect(port, vendor.settings_model.model_validate(block.settings))
    rungs = {name: function for name in vendor.manifest.operations if (function := vendor.function(name)) is not None}
    return ApiChannel(system, port, client, rungs)


def _with_quota(settings: ApiSettings, vendor: Vendor) -> ApiSettings:
    """The vendor's quota, where tandem.yaml gives none for the system."""
    if "quota" in settings.model_fields_set or vendor.manifest.quota is None:
        return settings
    return settings.model_copy(update={"quota": vendor.manifest.quota})


def _browser(workspace: Workspace, system: str, block: SystemBlock, vault: Vault, said: Said | None) -> Channel:
    assert block.browser is not None
    return BrowserChannel(
        system,
        with_secrets(block.browser, workspace.folder),
        *_screens(workspace, block.vendor, "browser"),
        vault,
        EvidenceStore(workspace.evidence_folder),
        vendor_settings=_screen_settings(workspace, block),
        session_file=workspace.data / "sessions" / f"{system}.browser",
        said=said,
    )


def _desktop(workspace: Workspace, system: str, block: SystemBlock, vault: Vault, said: Said | None) -> Channel:
    assert block.desktop is not None
    return DesktopChannel(
        system,
        with_secrets(block.desktop, workspace.folder),
        *_screens(workspace, block.vendor, "desktop"),
        EvidenceStore(workspace.evidence_folder),
        folders=[folder / "selectors" / block.vendor for folder in workspace.roots.folders],
        vendor_settings=_screen_settings(workspace, block),
        said=said,
    )


def _screens(workspace: Workspace, vendor: str, channel: ChannelName) -> tuple[Recordings, Screens]:
    folders = workspace.roots.folders
    return (
        Recordings([folder / "recordings" / vendor for folder in folders], channel),
        Screens([folder / "selectors" / vendor for folder in folders], channel),
    )


def _screen_settings(workspace: Workspace, block: SystemBlock) -> dict[str, Any]:
    """The system's settings as recordings see them: the vendor's defaults filled in."""
    return workspace.vendor(block.vendor).settings_model.model_validate(block.settings).model_dump()


def _is_bound(workspace: Workspace, bot: str) -> bool:
    roles = manifest_of(bot, workspace.roots).roles
    named = workspace.configuration.bots.get(bot, {})
    return all(named.get(role, role) in workspace.configuration.systems for role in roles)


def _bot(workspace: Workspace, name: str, systems: dict[str, System]) -> Bot:
    """The bot's functions, given mapping and cross-references. A role's system is by default its namesake."""
    module = code.module(BOTS, name, "process")
    if module is None:
        raise WorkspaceError("Bot {bot} has no process.py. Write its process function there.", bot=name)
    arguments = {"mapping": _mapping(workspace, name), "references": workspace.cross_references}
    named = workspace.configuration.bots.get(name, {})
    roles = manifest_of(name, workspace.roots).roles
    return Bot(
        name,
        module.Item,
        _given(module.process, arguments),
        getattr(module, "poll", None),
        {role: systems[named.get(role, role)] for role in roles},
    )


def _given(process: Callable[..., Any], arguments: dict[str, Any]) -> Callable[..., Any]:
    """The process with those arguments filled in that it takes."""
    taken = inspect.signature(process).parameters
    return partial(process, **{name: value for name, value in arguments.items() if name in taken})


def _mapping(workspace: Workspace, bot: str) -> Any:
    path: Path | None = workspace.roots.file(BOTS, bot, "mapping.yaml")
    module = code.module(BOTS, bot, "mapping")
    return None if path is None or module is None else Format("mapping", module.Mapping).read(path)
