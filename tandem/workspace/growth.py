"""Adding a vendor or a bot to a workspace: a small one that works, with its test, to be changed from there."""

import keyword
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from jinja2 import Environment, StrictUndefined

from tandem.errors import UsageError
from tandem.workspace.founding import SKELETONS
from tandem.workspace.roots import Roots

Kind = Literal["vendor", "bot"]
_OWN_FOLDER = {"vendor": "api_clients", "bot": "bots"}
_SUFFIX = ".jinja"
_SHARED = "conftest.py"
"""One for the tests of all vendors and bots; the first skeleton brings it."""


def add(kind: Kind, name: str, workspace: Path) -> list[Path]:
    """Write the skeleton of a vendor or bot into a workspace; the files made. Raises UsageError."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(
            "{name} is no name for a {kind}: it becomes a Python package. Use small letters, digits and _, "
            "such as {example}.",
            name=name,
            kind=kind,
            example="acme_erp" if kind == "vendor" else "credit_check",
        )
    folder = _OWN_FOLDER[kind]
    taken = [root for root in Roots.of(workspace).folders if (root / folder / name).exists()]
    if taken:
        raise UsageError(
            "There is a {kind} {name} already, in {folder}. Choose another name.",
            kind=kind,
            name=name,
            folder=taken[0] / folder / name,
        )
    files = list(_files(kind, name, workspace))
    for path, _ in files:
        if path.exists() and path.name != _SHARED:
            raise UsageError("{file} is there already. Move it away, or choose another name.", file=path)
    return [_write(path, text) for path, text in files if not path.exists()]


def _files(kind: Kind, name: str, workspace: Path) -> Iterator[tuple[Path, str]]:
    templates = Environment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)  # noqa: S701 - Python and YAML
    words = {"name": name, "title": name.replace("_", " ").title()}
    for template in sorted((SKELETONS / kind).rglob(f"*{_SUFFIX}")):
        relative = template.relative_to(SKELETONS / kind).as_posix().replace("NAME", name).removesuffix(_SUFFIX)
        yield workspace / relative, templates.from_string(template.read_text(encoding="utf-8")).render(words)


def _write(path: Path, text: str) -> Path:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError("{file} cannot be written: {why}.", file=path, why=error.strerror) from None
    return path
