"""From a name in a recording to the element it means, its candidates' templates filled in."""

from collections.abc import Mapping
from typing import Any

from tandem.channels.screen import Target
from tandem.channels.selectors import AnyCandidate, AnyScreenFile, Element, OcrLabel
from tandem.channels.templates import render
from tandem.document import closest
from tandem.errors import NotOffered
from tandem.text import listed

Context = Mapping[str, Any]


def element_target(page: AnyScreenFile, name: str, context: Context) -> Target:
    """An element of the screen. Raises NotOffered for a name the screen file does not have."""
    element = page.elements.get(name)
    if element is None:
        raise _unknown(page, name, tuple(page.elements))
    return _target(page, name, element, context)


def cell_target(page: AnyScreenFile, name: str, row: int | None, context: Context) -> Target:
    """``table.column`` in the row counted from 0; ``row`` None: the column as such."""
    table_name, _, column_name = name.partition(".")
    table = page.tables.get(table_name)
    column = table.columns.get(column_name) if table else None
    if table is None or column is None:
        known = tuple(f"{key}.{column}" for key, each in page.tables.items() for column in each.columns)
        raise _unknown(page, name, known)
    rows = tuple(_filled(candidate, context) for candidate in table.rows)
    return _target(page, name, column, context, rows=rows, row=row)


def message_targets(page: AnyScreenFile, context: Context) -> dict[str, Target]:
    """The elements of the screen that show errors, by name."""
    return {
        name: Target(page.screen, name, tuple(_filled(candidate, context) for candidate in message.find))
        for name, message in page.messages.items()
    }


def opened(page: AnyScreenFile, context: Context, *, only_recognise: bool = False) -> AnyScreenFile:
    """The screen with its ``open:`` and ``recognise:`` filled in."""
    recognise = tuple(_filled(candidate, context) for candidate in page.recognise)
    if only_recognise:
        return page.model_copy(update={"recognise": recognise})
    if page.open is None:
        raise NotOffered("Screen {screen} has no open: it cannot be gone to directly.", screen=page.screen)
    return page.model_copy(update={"open": render(page.open, context)})


def _target(page: AnyScreenFile, name: str, element: Element[Any], context: Context, **table: Any) -> Target:
    return Target(
        page.screen,
        name,
        tuple(_filled(candidate, context) for candidate in element.find),
        kind=element.kind,
        secret=element.secret,
        personal=element.personal,
        **table,
    )


def _filled(candidate: AnyCandidate, context: Context) -> Any:
    changed = {name: _words(value, context) for name, value in candidate if value is not None and _has_template(value)}
    return candidate.model_copy(update=changed) if changed else candidate


def _words(value: Any, context: Context) -> Any:
    if isinstance(value, OcrLabel):
        return value.model_copy(update={"label": _words(value.label, context)})
    return tuple(render(word, context) for word in value) if isinstance(value, tuple) else render(value, context)


def _has_template(value: Any) -> bool:
    if isinstance(value, OcrLabel):
        value = value.label
    return any("{{" in word for word in (value if isinstance(value, tuple) else (value,)))


def _unknown(page: AnyScreenFile, name: str, known: tuple[str, ...]) -> NotOffered:
    return NotOffered(
        "Screen {screen} has no element {element}. It has: {valid}.{guess}",
        screen=page.screen,
        element=name,
        valid=listed(known),
        guess=closest(name, known),
    )
