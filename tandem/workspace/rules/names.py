"""Names that must exist: operations, error codes, vendors."""

import importlib
import pkgutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tandem.domain
from tandem.document import Document, Location, closest, mistake
from tandem.domain.operation import operation_names
from tandem.errors import WorkspaceError
from tandem.text import listed


def known_operations() -> tuple[str, ...]:
    """The names of all operations of the domain."""
    for module in pkgutil.iter_modules(tandem.domain.__path__):
        importlib.import_module(f"tandem.domain.{module.name}")
    return operation_names()


def unknown(file: Document, at: Location, what: str, name: str, valid: Sequence[str]) -> WorkspaceError:
    """The mistake that ``name`` is no known ``what``."""
    return mistake(
        file,
        at,
        "there is no {what} {name}. Valid: {valid}.{guess}",
        what=what,
        name=name,
        valid=listed(valid),
        guess=closest(name, list(valid)),
    )


def misnamed(file: Document, key: str, value: str, wanted: str) -> WorkspaceError:
    """The mistake that a file says another name than its place does."""
    return mistake(
        file,
        (key,),
        "{key} is {value}, but the file lies where {wanted} belongs. Rename one of them.",
        key=key,
        value=value,
        wanted=wanted,
    )


def in_file(path: Path, template: str, /, **fields: Any) -> WorkspaceError:
    """A mistake of a whole file or folder. ``template`` goes on after ``file: ``."""
    return WorkspaceError("{file}: " + template, file=path, **fields)
