"""Rules of bot.yaml and of a bot's own files."""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from tandem.document import Document
from tandem.errors import WorkspaceError
from tandem.workspace import code
from tandem.workspace.bot import BOT, FOLDER, MANIFEST, BotManifest, bots
from tandem.workspace.demonstration import Demonstration
from tandem.workspace.formats import Examined, Format
from tandem.workspace.roots import Roots
from tandem.workspace.rules.names import in_file, known_operations, misnamed, unknown


def mistakes(roots: Roots) -> Iterator[WorkspaceError]:
    """Mistakes of every bot."""
    for name, path in bots(roots).items():
        found = BOT.examine(path)
        yield from _of_manifest(name, found.file, found.model) if isinstance(found, Examined) else found
        yield from _own_files(name, roots, found.model.roles if isinstance(found, Examined) else None)


def _of_manifest(name: str, file: Document, manifest: BotManifest) -> Iterator[WorkspaceError]:
    if manifest.bot != name:
        yield misnamed(file, "bot", manifest.bot, name)
    known = known_operations()
    for key, performed in (("roles", manifest.roles), ("poll", manifest.poll)):
        for role, operations in performed.items():
            if role not in manifest.roles:
                yield unknown(file, (key, role), "role", role, list(manifest.roles))
            for index, operation in enumerate(operations):
                if operation not in known:
                    yield unknown(file, (key, role, index), "operation", operation, known)


def _own_files(bot: str, roots: Roots, roles: Collection[str] | None) -> Iterator[WorkspaceError]:
    """A bot's ``mapping.yaml`` is validated by ``Mapping`` of its ``mapping.py``; other YAML files of it likewise."""
    for relative, path in roots.files(f"{FOLDER}/{bot}", ".yaml").items():
        if relative == MANIFEST:
            continue
        try:
            model = _model(bot, path)
        except WorkspaceError as error:
            yield error
            continue
        if model is None:
            yield in_file(
                path,
                "the bot {bot} has no model {model} in {module}.py for this file. Rename or remove the file.",
                bot=bot,
                model=path.stem.title().replace("_", ""),
                module=path.stem,
            )
        else:
            own = Format[Any](path.stem, model).examine(path)
            yield from _roles(own.file, own.model, roles) if isinstance(own, Examined) else own


def _roles(file: Document, model: BaseModel, roles: Collection[str] | None) -> Iterator[WorkspaceError]:
    """A demonstration strikes systems by their role: a name that is no role would strike nothing."""
    if roles is None or not isinstance(model, Demonstration):
        return
    if model.proof.role not in roles:
        yield unknown(file, ("proof", "role"), "role", model.proof.role, list(roles))
    for index, act in enumerate(model.acts):
        for role in act.faults:
            if role not in roles:
                yield unknown(file, ("acts", index, "faults", role), "role", role, list(roles))


def _model(bot: str, path: Path) -> type[BaseModel] | None:
    found: type[BaseModel] | None = getattr(
        code.module(FOLDER, bot, path.stem), path.stem.title().replace("_", ""), None
    )
    return found
