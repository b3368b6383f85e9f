"""The engine of a workspace: systems with their channels, bots bound to them, over the workspace's own store."""

import inspect
import os
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from tandem.channels.api import ApiChannel
from tandem.channels.guarded import Guarded
from tandem.channels.library import Recordings, Screens
from tandem.channels.replayer import Said
from tandem.domain.channel import Channel
from tandem.domain.clock import new_id
from tandem.domain.operation import CHANNELS, ChannelName
from tandem.engine.attendant import Attendant
from tandem.engine.bot import Bot, BotResult, Process
from tandem.engine.engine import Engine
from tandem.engine.presence import present
from tandem.engine.run import Run
from tandem.engine.system import Rungs, System, queue_of
from tandem.errors import StoreError, UsageError, WorkspaceError
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings, RefreshTokenAuth
from tandem.store import workers
from tandem.store.codec import Codec
from tandem.store.evidence import EvidenceStore
from tandem.store.lock import EngineLock
from tandem.store.workers import Worker
from tandem.text import speaking
from tandem.vault import Vault
from tandem.workspace import code
from tandem.workspace.bot import FOLDER as BOTS
from tandem.workspace.bot import manifest_of
from tandem.workspace.configuration import SystemBlock
from tandem.workspace.formats import Format
from tandem.workspace.kept_refresh_token import KeptRefreshToken
from tandem.workspace.paths import with_paths
from tandem.workspace.rules import bindings
from tandem.workspace.secret import with_secrets
from tandem.workspace.store import open_store
from tandem.workspace.vendor import Vendor
from tandem.workspace.workspace import Workspace

Block = TypeVar("Block", bound=BaseModel)


@asynccontextmanager
async def working_engine(
    workspace: Workspace, attendant: Attendant | None = None, *, queues: Sequence[str] | None = None
) -> AsyncIterator[Engine]:
    """The workspace's engine; what dead processes left running is ready again. It is the only one on an embedded store.

    ``queues``: those a worker serves; channels for others it does not have. Raises UsageError when another process
    works on an embedded store, WorkspaceError for a mistake in the workspace.
    """
    lock = None if workspace.store_path is None else EngineLock(workspace.store_path)
    if lock is not None:
        lock.acquire()
    try:
        engine = _engine(workspace, attendant, queues)
        try:
            if lock is not None:
                await engine.database.write(workers.forget_all)
            await engine.recover()
            yield engine
        finally:
            await engine.close()
    finally:
        if lock is not None:
            lock.release()


@asynccontextmanager
async def starting_engine(workspace: Workspace) -> AsyncIterator[Engine]:
    """An engine to start runs with, beside those that work on the store. Raises WorkspaceError."""
    engine = _engine(workspace, None, None)
    try:
        yield engine
    finally:
        await engine.close()


def vault_of(workspace: Workspace) -> Vault:
    """The workspace's vault; its key is made when there is none yet, readable by its owner only."""
    path = workspace.vault_key_path
    if not path.exists():
        _make_key(path)
    return Vault(path.read_bytes())


def _make_key(path: Path) -> None:
    """The key appears whole: with half of one the workspace could never be used again. Raises StoreError."""
    draft = path.with_name(f".{path.name}.{new_id()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.touch(mode=0o600)
            draft.write_bytes(Vault.new_key())
            with suppress(FileExistsError):  # another process was first
                path.hardlink_to(draft)
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            "{file} cannot be written: {why}. Free space, or give another folder.", file=path, why=error.strerror
        ) from None


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


@asynccontextmanager
async def sole_engine(workspace: Workspace, attendant: Attendant | None = None) -> AsyncIterator[Engine]:
    """The engine of one command: beside the workers of a shared store it counts as one of them. See working_engine."""
    async with working_engine(workspace, attendant) as engine:
        if workspace.store_path is not None:
            yield engine
            return
        worker = worker_here(None, 1)
        engine.worker = worker.id
        async with present(engine, worker):
            yield engine


def worker_here(queues: Sequence[str] | None, concurrency: int) -> Worker:
    """This process as a worker."""
    return Worker(new_id(), f"{socket.gethostname()}:{os.getpid()}", queues, concurrency)


def _engine(workspace: Workspace, attendant: Attendant | None, queues: Sequence[str] | None) -> Engine:
    unbound = _unbound(workspace)
    vault = vault_of(workspace)
    systems = {name: _system(workspace, name, vault, queues) for name in workspace.configuration.systems}
    bots = {name: _bot(workspace, name, systems) for name in workspace.bots() if name not in unbound}
    return Engine(open_store(workspace), bots, Codec(vault), systems=systems, attendant=attendant, unbound=unbound)


def _unbound(workspace: Workspace) -> dict[str, WorkspaceError]:
    """The bots that tandem.yaml does not name, and whose roles no systems of their names fill, each with its mistake.

    Raises WorkspaceError for a mistake of one that it names.
    """
    unbound: dict[str, WorkspaceError] = {}
    for name in dict.fromkeys([*workspace.configuration.bots, *workspace.bots()]):
        for mistake in bindings.mistakes(workspace, name):
            if name in workspace.configuration.bots:
                raise mistake
            unbound.setdefault(name, mistake)
    return unbound


def _system(workspace: Workspace, name: str, vault: Vault, queues: Sequence[str] | None) -> System:
    vendor = workspace.vendor(workspace.system(name).vendor)
    channels: dict[ChannelName, Channel] = {}
    elsewhere: set[ChannelName] = set()
    for channel_name in CHANNELS:
        channel = channel_of(workspace, name, channel_name, vault)
        if channel is None:
            continue
        if _is_elsewhere(vendor.name, channel_name, queues):
            elsewhere.add(channel_name)
        else:
            channels[channel_name] = channel if channel_name == "api" else Guarded(name, channel)
    operations = {
        operation: Rungs(
            rungs.ladder, rungs.settle_s, rungs.late_s, rungs.look_first, rungs.round_waits_s, rungs.confirms
        )
        for operation, rungs in vendor.manifest.operations.items()
    }
    return System(name, vendor.name, channels, operations, frozenset(elsewhere))


def _is_elsewhere(vendor: str, channel: ChannelName, queues: Sequence[str] | None) -> bool:
    """Whether a worker of these queues lacks the channel; API calls can be made by every worker."""
    return channel != "api" and queues is not None and queue_of(vendor, channel) not in queues


def _api(workspace: Workspace, system: str, block: SystemBlock, vault: Vault) -> Channel:
    vendor = workspace.vendor(block.vendor)
    module = vendor.operations_module()
    if module is None:
        raise UsageError(
            "Vendor {vendor} has no API. Remove the api block of system {system}.", vendor=vendor.name, system=system
        )
    assert block.api is not None
    settings = _completed(_with_quota(block.api, vendor), workspace)
    port = HttpPort(system, settings, refresh_token=_refresh_token(workspace, system, settings, vault))
    client = module.connect(port, vendor.settings_model.model_validate(block.settings))
    rungs = {name: function for name in vendor.manifest.operations if (function := vendor.function(name)) is not None}
    return ApiChannel(system, port, client, rungs)


def _refresh_token(workspace: Workspace, system: str, settings: ApiSettings, vault: Vault) -> KeptRefreshToken | None:
    if not isinstance(settings.auth, RefreshTokenAuth):
        return None
    file = workspace.data / "sessions" / f"{system}.refresh_token"
    return KeptRefreshToken(vault, file, system=system, given=settings.auth.refresh_token)


def _completed(block: Block, workspace: Workspace) -> Block:
    """The block with its secrets fetched and its paths absolute. Raises UsageError."""
    return with_paths(with_secrets(block, workspace.folder), workspace.folder)


def _with_quota(settings: ApiSettings, vendor: Vendor) -> ApiSettings:
    """The vendor's quota, where tandem.yaml gives none for the system."""
    if "quota" in settings.model_fields_set or vendor.manifest.quota is None:
        return settings
    return settings.model_copy(update={"quota": vendor.manifest.quota})


def _browser(workspace: Workspace, system: str, block: SystemBlock, vault: Vault, said: Said | None) -> Channel:
    from tandem.channels.browser.channel import BrowserChannel  # loads Playwright: half a second for who has no screens

    assert block.browser is not None
    return BrowserChannel(
        system,
        _completed(block.browser, workspace),
        *_screens(workspace, block.vendor, "browser"),
        vault,
        EvidenceStore(workspace.evidence_folder),
        vendor_settings=_screen_settings(workspace, block),
        session_file=workspace.data / "sessions" / f"{system}.browser",
        said=said,
    )


def _desktop(workspace: Workspace, system: str, block: SystemBlock, vault: Vault, said: Said | None) -> Channel:
    from tandem.channels.desktop.channel import DesktopChannel  # loads OpenCV and OCR

    assert block.desktop is not None
    return DesktopChannel(
        system,
        _completed(block.desktop, workspace),
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


def _bot(workspace: Workspace, name: str, systems: dict[str, System]) -> Bot:
    """The bot's functions, given mapping and cross-references. A role's system is by default its namesake."""
    module = code.module(BOTS, name, "process")
    if module is None:
        raise WorkspaceError("Bot {bot} has no process.py. Write its process function there.", bot=name)
    arguments = {"mapping": _mapping(workspace, name), "references": workspace.cross_references}
    named = workspace.configuration.bots.get(name, {})
    manifest = manifest_of(name, workspace.roots)
    return Bot(
        name,
        module.Item,
        _spoken(_given(module.process, arguments), workspace.configuration.language),
        getattr(module, "poll", None),
        {role: systems[named.get(role, role)] for role in manifest.roles},
        manifest.poll,
    )


def _given(process: Callable[..., Any], arguments: dict[str, Any]) -> Callable[..., Any]:
    """The process with those arguments filled in that it takes."""
    taken = inspect.signature(process).parameters
    return partial(process, **{name: value for name, value in arguments.items() if name in taken})


def _spoken(process: Process, language: str | None) -> Process:
    """What a bot writes into the systems is in the workspace's language, whoever's terminal it runs in."""

    async def in_language(run: Run) -> BotResult:
        with speaking(language):
            return await process(run)

    return in_language


def _mapping(workspace: Workspace, bot: str) -> Any:
    path: Path | None = workspace.roots.file(BOTS, bot, "mapping.yaml")
    module = code.module(BOTS, bot, "mapping")
    return None if path is None or module is None else Format("mapping", module.Mapping).read(path)
