"""The selector file patched so that the candidate that found the element comes first."""

import difflib
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from tandem.channels.library import Screens
from tandem.channels.screen import Target

_OTHER_SHAPE = (AttributeError, LookupError, TypeError)


def patch_of(screens: Screens, target: Target, index: int) -> str | None:
    """A unified diff of the selector file that puts the candidate first, for ``patch -p0`` beside ``selectors/``.

    Comments and style of the file stay. None when the file is no longer the one the screen was read from.
    """
    try:
        for path in _files(screens, target.screen):
            before = path.read_text(encoding="utf-8-sig")
            tree = _yaml().load(before)
            find = _candidates(tree, target.name)
            if find is not None:
                _put_first(find, index)
                return _diff(path, before, _written(tree))
    except (OSError, UnicodeDecodeError, YAMLError, *_OTHER_SHAPE):
        return None
    return None


def _files(screens: Screens, screen: str) -> Iterator[Path]:
    """The file of the screen, and those of the screens it includes."""
    yield screens.path(screen)
    for other in screens.screen(screen).include:
        yield from _files(screens, other)


def _candidates(tree: Any, name: str) -> Any:
    """The ``find`` list of an element, a message or ``table.column``; None where the file has none of that name."""
    table, is_cell, column = name.partition(".")
    if is_cell:
        node = tree.get("tables", {}).get(table, {}).get("columns", {}).get(column)
    else:
        node = tree.get("elements", {}).get(name) or tree.get("messages", {}).get(name)
    return node["find"] if isinstance(node, Mapping) else node


def _put_first(find: Any, index: int) -> None:
    """Move an item of ruamel's list to the front, each item with the comment behind it."""
    order = [index, *(other for other in range(len(find)) if other != index)]
    items, comments = [find[old] for old in order], find.ca.items
    moved = {new: comments[old] for new, old in enumerate(order) if old in comments}
    find[:] = items
    comments.clear()
    comments.update(moved)


def _diff(path: Path, before: str, after: str) -> str:
    place = "/".join(path.parts[-3:])
    return "".join(difflib.unified_diff(before.splitlines(True), after.splitlines(True), place, place))


def _written(tree: Any) -> str:
    text = StringIO()
    _yaml().dump(tree, text)
    return text.getvalue()


def _yaml() -> YAML:
    """Reads and writes a file so that what nobody changed stays as it stands."""
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.brace_single_entry_mapping_in_flow_sequence = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml
