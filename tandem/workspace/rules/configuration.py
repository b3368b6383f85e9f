"""Rules of tandem.yaml: systems have vendors and valid settings, bots have their roles filled."""

import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from urllib.parse import urlsplit

from tandem import document
from tandem.document import mistake
from tandem.domain.operation import CHANNELS
from tandem.errors import UsageError, WorkspaceError
from tandem.workspace.configuration import SystemBlock
from tandem.workspace.paths import paths_of
from tandem.workspace.rules import bindings
from tandem.workspace.rules.names import unknown
from tandem.workspace.secret import fetch, is_plain, secrets_of
from tandem.workspace.vendor import vendors
from tandem.workspace.workspace import Workspace


def mistakes(workspace: Workspace) -> Iterator[WorkspaceError]:
    """Mistakes of tandem.yaml beyond its form."""
    for name in workspace.configuration.systems:
        yield from _of_system(workspace, name)
    for bot in workspace.configuration.bots:
        yield from bindings.mistakes(workspace, bot)
    try:
        len(workspace.cross_references)
    except WorkspaceError as error:
        yield error


def warnings(workspace: Workspace) -> Iterator[WorkspaceError]:
    """What works and is yet unwise: secrets written into the file or not to be found here, data sent in clear."""
    for name, system in workspace.configuration.systems.items():
        yield from _unencrypted(workspace, name, system)
        yield from _unwise_secrets(workspace, secrets_of(system, "systems", name))
    for name, webhook in workspace.configuration.webhooks.items():
        yield from _unwise_secrets(workspace, secrets_of(webhook, "webhooks", name))
    yield from _unwise_secrets(workspace, secrets_of(workspace.configuration.store, "store"))


def _unwise_secrets(workspace: Workspace, secrets: Iterable[tuple[tuple[str, ...], str]]) -> Iterator[WorkspaceError]:
    for location, text in secrets:
        key = ".".join(location)
        if is_plain(text):
            yield mistake(
                workspace.file,
                location,
                "{key} is a secret in clear. Keep it elsewhere and write env:NAME, file:PATH or keyring:SERVICE/NAME.",
                key=key,
            )
        elif text.startswith("env:") and text.removeprefix("env:") not in os.environ:
            yield mistake(
                workspace.file,
                location,
                "{key} refers to the environment variable {name}, which is not set here.",
                key=key,
                name=text.removeprefix("env:"),
            )
        elif text.startswith("file:"):
            try:
                fetch(text, workspace.folder)
            except UsageError as error:
                yield mistake(workspace.file, location, "{key}: {why}", key=key, why=error)


def _unencrypted(workspace: Workspace, name: str, system: SystemBlock) -> Iterator[WorkspaceError]:
    """Addresses that let logins and data pass a network as plain text."""
    addresses = {
        ("api", "url"): system.api and system.api.url,
        ("api", "auth", "token_url"): system.api and getattr(system.api.auth, "token_url", None),
        ("browser", "url"): system.browser and system.browser.url,
    }
    for place, address in addresses.items():
        parts = urlsplit(address or "")
        if parts.scheme == "http" and not _is_loopback(parts.hostname or ""):
            location = ("systems", name, *place)
            yield mistake(
                workspace.file,
                location,
                "{key} goes to {host} over http://, so that passwords and data can be read on the way. Use https://.",
                key=".".join(location),
                host=parts.hostname,
            )


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _of_system(workspace: Workspace, name: str) -> Iterator[WorkspaceError]:
    at, system = ("systems", name), workspace.configuration.systems[name]
    known = vendors(workspace.roots)
    if system.vendor not in known:
        yield unknown(workspace.file, (*at, "vendor"), "vendor", system.vendor, list(known))
        return
    if not any((system.api, system.browser, system.desktop)):
        yield mistake(
            workspace.file,
            at,
            "system {name} has no channel. Add a block: {valid}.",
            name=name,
            valid=", ".join(CHANNELS),
        )
    yield from _missing_files(workspace, name, system)
    vendor = bindings.vendor_in_order(workspace, system.vendor)
    if vendor is not None:
        yield from document.mistakes(workspace.file, vendor.settings_model, (*at, "settings"))


def _missing_files(workspace: Workspace, name: str, system: SystemBlock) -> Iterator[WorkspaceError]:
    """Files and programs that are named and not there."""
    for location, path in paths_of(system, "systems", name):
        if not (workspace.folder / path).is_file():
            yield mistake(
                workspace.file,
                location,
                "{key} is {path}, where there is no file. Correct it; a relative path starts at the workspace.",
                key=".".join(location),
                path=path,
            )
    program = system.desktop.command[0] if system.desktop else sys.executable
    if shutil.which(program) is None:
        location = ("systems", name, "desktop", "command")
        yield mistake(
            workspace.file,
            location,
            "{key} starts {program}, which is no program of this machine. Give its full path, or install it.",
            key=".".join(location),
            program=program,
        )
