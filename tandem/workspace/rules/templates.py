"""Rules of templates in recordings: a name they use is one the replay knows at that step."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, TypeAdapter, ValidationError, create_model

from tandem import misfit
from tandem.channels.library import Screens
from tandem.channels.recording import LOGIN, Expect, ForEach, Open, Read, ReadAddress, ReadRows, Recording, Step, When
from tandem.channels.selectors import AnyScreenFile
from tandem.channels.templates import Path, names
from tandem.document import Document, closest, mistake, shown
from tandem.domain.operation import Operation
from tandem.errors import WorkspaceError
from tandem.schema_walk import keys_at, models_at
from tandem.text import listed

Place = tuple[int | str, ...]


@dataclass(frozen=True)
class Value:
    """What a name stands for: a place inside a model. Of a place that is no model nothing is known."""

    model: type[BaseModel]
    at: Place = ()

    def step(self, part: int | str) -> "Value | None":
        """What stands there; None when nothing is known of it."""
        known = isinstance(part, int) or part in keys_at(self.model, self.at)
        return Value(self.model, (*self.at, part)) if known else None

    def attributes(self) -> tuple[str, ...]:
        """The names after the dot; none when they are not known."""
        models = models_at(self.model, self.at)
        properties = (name for each in models for name, value in vars(each).items() if isinstance(value, property))
        return (*keys_at(self.model, self.at), *(name for name in properties if not name.startswith("_") and models))


Scope = Mapping[str, Value | None]
"""The names a template may use; None: nothing is known of the value."""


def mistakes(
    file: Document,
    recording: Recording,
    operation: Operation[Any, Any] | None,
    settings: type[BaseModel] | None,
    screens: Screens,
) -> Iterator[WorkspaceError]:
    """Mistakes of every template of a recording. ``operation`` None: the login; ``settings`` None: not known."""
    scope: dict[str, Value | None] = {"settings": None if settings is None else Value(settings)}
    if operation is None:
        scope[LOGIN] = Value(_block("username", "password"))
    else:
        scope[recording.request] = Value(operation.request)
    walk = _Walk(file, screens, scope)
    yield from walk.steps(recording.steps, ("steps",))
    yield from walk.shape(recording.result, ("result",))
    if operation is not None:
        yield from _result(file, operation.name, operation.result, recording.result, ("result",))


def _result(
    file: Document, operation: str, model: type[BaseModel], shape: Mapping[str, Any], at: Place
) -> Iterator[WorkspaceError]:
    """The result has the fields of the operation's: the mistake would show only after the commit step."""
    fields = model.model_fields
    for key, value in shape.items():
        inner = models_at(model, (key,))
        if key not in fields:
            yield _no_name(file, (*at, key), key, tuple(fields))
        elif isinstance(value, Mapping) and inner:
            yield from _result(file, operation, inner[0], value, (*at, key))
        elif not _has_template(value):
            yield from _constant(file, fields[key].annotation, value, (*at, key))
    for name, field in fields.items():
        if field.is_required() and name not in shape:
            yield mistake(
                file,
                at,
                "the result of {operation} lacks {name}. Add it under {key}.",
                operation=operation,
                name=name,
                key=".".join(map(str, at)),
            )


def _constant(file: Document, kind: Any, value: object, at: Place) -> Iterator[WorkspaceError]:
    """A value without a template is one that the field takes."""
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        why = misfit.why(error.errors(include_url=False)[0])
        yield mistake(file, at, "{key} is {value}: {why}.", key=".".join(map(str, at)), value=shown(value), why=why)


def _has_template(shape: object) -> bool:
    if isinstance(shape, (Mapping, list, tuple)):
        return any(map(_has_template, shape.values() if isinstance(shape, Mapping) else shape))
    return isinstance(shape, str) and "{" in shape


class _Walk:
    """Goes through the steps and knows the names at each of them, and the screen it acts on."""

    def __init__(self, file: Document, screens: Screens, scope: dict[str, Value | None]) -> None:
        self._file, self._screens, self._scope = file, screens, scope
        self._page: AnyScreenFile | None = None

    def steps(self, steps: Sequence[Step], at: Place) -> Iterator[WorkspaceError]:
        for index, step in enumerate(steps):
            yield from self._step(step, (*at, index, step.verb))

    def shape(self, shape: object, at: Place) -> Iterator[WorkspaceError]:
        """Every template of nested lists and mappings."""
        if isinstance(shape, str):
            yield from self._template(shape, at)
        elif isinstance(shape, Mapping):
            for key, value in shape.items():
                yield from self.shape(value, (*at, key))
        elif isinstance(shape, (list, tuple)):
            for index, value in enumerate(shape):
                yield from self.shape(value, (*at, index))

    def _step(self, step: Step, at: Place) -> Iterator[WorkspaceError]:
        act = step.act
        for field in ("row", "value", "params", "message"):
            yield from self.shape(getattr(act, field, None), (*at, field))
        if isinstance(act, (Open, Expect)):
            yield from self._go_to(act, at)
        elif isinstance(act, Read | ReadAddress):
            self._scope[act.into] = None
        elif isinstance(act, ReadRows):
            self._scope[act.into] = self._rows(act)
        elif isinstance(act, ForEach):
            yield from self._for_each(act, at)
        elif isinstance(act, When):
            if act.condition is not None:
                yield from self._template(act.condition, (*at, "condition"), expression=True)
            yield from self.steps(act.steps, (*at, "steps"))

    def _go_to(self, act: Open | Expect, at: Place) -> Iterator[WorkspaceError]:
        """The screen's own path uses ``params`` and what the replay knows."""
        try:
            self._page = self._screens.screen(act.screen)
        except WorkspaceError:
            self._page = None  # told where screens are checked
            return
        if isinstance(act, Open):
            known = (*act.params, *self._scope)
            for name in dict.fromkeys(str(path[0]) for path in names(self._page.open or "")):
                if name not in known:
                    yield mistake(
                        self._file,
                        at,
                        "screen {screen} opens with {name}, which is not given. Add it to params; given: {valid}.",
                        screen=act.screen,
                        name=name,
                        valid=listed(act.params),
                    )

    def _rows(self, act: ReadRows) -> Value | None:
        if act.columns is not None:
            return _list(tuple(act.columns))
        table = self._page.tables.get(act.table) if self._page else None
        return None if table is None else _list(tuple(table.columns))

    def _for_each(self, act: ForEach, at: Place) -> Iterator[WorkspaceError]:
        yield from self._template(act.in_, (*at, "in"), expression=True)
        outer = self._scope
        item = _lone(act.in_, outer)
        self._scope = {**outer, act.as_: item and item.step(0), "loop": Value(_block("index0", "index", "last"))}
        yield from self.steps(act.steps, (*at, "steps"))
        if act.collect is not None:
            yield from self.shape(act.collect.item, (*at, "collect", "item"))
            outer[act.collect.into] = None
        self._scope = outer

    def _template(self, text: str, at: Place, *, expression: bool = False) -> Iterator[WorkspaceError]:
        for path in names(text, expression=expression):
            yield from self._path(path, at)

    def _path(self, path: Path, at: Place) -> Iterator[WorkspaceError]:
        name, *parts = path
        if name not in self._scope:
            yield _no_name(self._file, at, str(name), tuple(self._scope))
            return
        value = self._scope[str(name)]
        for length, part in enumerate(parts, start=2):
            valid = value.attributes() if value is not None else ()
            if valid and isinstance(part, str) and part not in valid:
                yield _no_name(self._file, at, ".".join(map(str, path[:length])), valid, part)
                return
            value = value and value.step(part)


def _lone(expression: str, scope: Scope) -> Value | None:
    """What an expression that is one path stands for."""
    first, *parts = next(iter(names(expression, expression=True)), ("",))
    value = scope.get(str(first))
    if value is None or expression.strip() != ".".join(map(str, (first, *parts))):
        return None
    for part in parts:
        value = value and value.step(part)
    return value


def _no_name(file: Document, at: Place, name: str, valid: tuple[str, ...], wrong: str | None = None) -> WorkspaceError:
    return mistake(
        file,
        at,
        "there is no {name} here. Valid: {valid}.{guess}",
        name=name,
        valid=", ".join(valid),
        guess=closest(wrong or name, valid),
    )


def _block(*keys: str) -> type[BaseModel]:
    """A model with these keys, of whose values nothing is known."""
    fields: dict[str, Any] = dict.fromkeys(keys, (Any, ...))
    return create_model("Block", **fields)


def _list(keys: tuple[str, ...]) -> Value:
    """Rows with these keys."""
    rows: dict[str, Any] = {"rows": (tuple[_block(*keys), ...], ...)}  # type: ignore[misc]
    return Value(create_model("Rows", **rows), ("rows",))
