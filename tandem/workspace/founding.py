"""Founding a workspace: a commented tandem.yaml that works against the sandboxes, its secrets in files of their own."""

import json
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from textwrap import indent
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML

from tandem import misfit
from tandem.errors import UsageError, WorkspaceError
from tandem.store.whole_file import write_whole
from tandem.workspace.bot import bots, manifest_of
from tandem.workspace.configuration import SystemBlock
from tandem.workspace.roots import FILE, Roots
from tandem.workspace.sandbox import sandboxes
from tandem.workspace.secret import is_plain, secrets_of
from tandem.workspace.vendor import VENDOR, vendor_named, vendors

SKELETONS = Path(__file__).parent / "skeletons"
_SECRETS = "data/secrets"
_PYTHON, _WORKSPACE = "PYTHON", "WORKSPACE"
"""In a system.yaml: the Python we run on, to start a sandbox's desktop client with; within a text in double quotes, the
folder of the workspace, where the client of a real server is."""
_IGNORED = "# Store, evidence, secrets and logs: never to be committed.\n/data/\n"


@dataclass(frozen=True)
class Founded:
    """A new workspace; ``systems`` by name: vendor, and where its sandbox or real server is expected."""

    folder: Path
    systems: dict[str, tuple[str, str]]


def found(folder: Path, language: str, chosen: Sequence[str] = ()) -> Founded:
    """Make a workspace for trials of these vendors; by default the first with a sandbox that plays each role.

    ``fixtures/<vendor>/system.yaml`` says how its sandbox, or its real server, is reached. Raises UsageError.
    """
    if (folder / FILE).exists():
        raise UsageError("{folder} is a workspace already. Change its {file}.", folder=folder, file=FILE)
    roots = Roots.of(None)
    blocks = _system_blocks(roots, chosen, folder.absolute())
    tree = _yaml().load(_composed(blocks, _bots(roots, list(blocks)), language))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _make_private(folder / _SECRETS)
        for name, block in (tree["systems"] or {}).items():
            _hide_secrets(folder, name, block)
        (folder / ".gitignore").write_text(_IGNORED, encoding="utf-8")
        _write(folder / FILE, tree)
    except OSError as error:
        raise UsageError(
            "The workspace {folder} cannot be made: {why}. Choose a folder you may write to.",
            folder=folder,
            why=error.strerror,
        ) from None
    return Founded(folder, {name: (block["vendor"], _url(block)) for name, block in tree["systems"].items()})


def _write(path: Path, tree: Any) -> None:
    """Last and whole: a folder with half a tandem.yaml would count as a workspace."""
    text = StringIO()
    _yaml().dump(tree, text)
    write_whole(path, text.getvalue().encode())


def _system_blocks(roots: Roots, chosen: Sequence[str], folder: Path) -> dict[str, str]:
    """Blocks of tandem.yaml by name, as text: a system is named after the role it plays."""
    blocks: dict[str, str] = {}
    for vendor in chosen or sandboxes(roots):
        path = roots.file("fixtures", vendor, "system.yaml")
        if path is not None:
            name = _free_role(vendor, roots, list(blocks)) or (vendor if chosen else None)
            if name is not None:
                blocks[name] = _localised(path.read_text(encoding="utf-8"), folder)
        elif chosen:
            vendor_named(vendor, roots)
            raise UsageError(
                "Vendor {vendor} has neither sandbox nor real server. Write its system into {file} yourself.",
                vendor=vendor,
                file=FILE,
            )
    return blocks


def _localised(text: str, folder: Path) -> str:
    """A system.yaml with the paths of this machine in it."""
    quoted = {_PYTHON: json.dumps(sys.executable, ensure_ascii=False)}
    quoted[_WORKSPACE] = json.dumps(str(folder), ensure_ascii=False)[1:-1]
    return re.sub("|".join(quoted), lambda found: quoted[found[0]], text)


def _composed(blocks: dict[str, str], bound: dict[str, dict[str, str]], language: str) -> str:
    """The skeleton with its blocks filled in; without any it stays as it is."""
    text = (SKELETONS / FILE).read_text(encoding="utf-8").replace("LANGUAGE", language)
    systems = "".join(f"  {name}:\n{indent(block, '    ')}" for name, block in blocks.items())
    bots = "".join(
        f"  {name}: {{{', '.join(f'{r}: {s}' for r, s in roles.items())}}}\n" for name, roles in bound.items()
    )
    for key, filled in (("systems", systems), ("bots", bots)):
        if filled:
            text = text.replace(f"{key}: {{}}\n", f"{key}:\n{filled}")
    return text


def _free_role(vendor: str, roots: Roots, systems: Sequence[str]) -> str | None:
    roles = VENDOR.read(vendors(roots)[vendor]).roles
    return next((role for role in roles if role not in systems), None)


def _hide_secrets(folder: Path, name: str, block: Any) -> None:
    """Move every secret of a block into a file that only its owner can read."""
    try:
        model = SystemBlock.model_validate(block)
    except ValidationError as error:
        raise WorkspaceError(
            "system.yaml of {vendor} is not valid: {key}: {why}.",
            vendor=block["vendor"],
            key=".".join(map(str, error.errors()[0]["loc"])),
            why=misfit.why(error.errors()[0]),
        ) from None
    for location, text in secrets_of(model):
        if is_plain(text):
            path = f"{_SECRETS}/{'.'.join((name, *location))}"
            (folder / path).touch(mode=0o600)
            (folder / path).write_text(text + "\n", encoding="utf-8")
            *above, key = location
            place = block
            for part in above:
                place = place[part]
            place[key] = f"file:{path}"


def _bots(roots: Roots, systems: Sequence[str]) -> dict[str, dict[str, str]]:
    """Every bot whose roles are all filled."""
    roles = {name: manifest_of(name, roots).roles for name in bots(roots)}
    return {name: {role: role for role in needed} for name, needed in roles.items() if set(needed) <= set(systems)}


def _make_private(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    folder.parent.chmod(0o700)


def _yaml() -> YAML:
    yaml = YAML()
    yaml.width = 120
    yaml.preserve_quotes = True
    return yaml


def _url(block: Any) -> str:
    return next((str(block[channel]["url"]) for channel in ("api", "browser") if channel in block), "")
