"""A YAML file of a workspace: its data, the line of every value, and its mistakes in one sentence each."""

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from tandem import misfit
from tandem.errors import WorkspaceError
from tandem.schema_walk import is_number, is_secret, keys_at, words_at
from tandem.text import tr

Model = TypeVar("Model", bound=BaseModel)
Location = Sequence[int | str]
_REMEMBERED = 256


@dataclass(frozen=True)
class Document:
    """A loaded YAML file. ``data`` is plain Python; ``tree`` is ruamel's, which knows lines and comments."""

    path: Path
    data: Any
    tree: Any

    def line(self, location: Location) -> int:
        """The line, from 1, of the deepest part of a pydantic location that stands in the file."""
        node, found = self.tree, 1
        for part in location:
            if isinstance(node, Mapping) and part in node:
                found = node.lc.key(part)[0] + 1  # type: ignore[attr-defined]
                node = node[part]
            elif isinstance(node, list) and isinstance(part, int) and part < len(node):
                found = node.lc.item(part)[0] + 1  # type: ignore[attr-defined]
                node = node[part]
        return found

    def standing(self, location: Location) -> list[str]:
        """A pydantic location as it stands in the file, without the tags of unions; the last part may be missing."""
        node, parts = self.tree, []
        for place, part in enumerate(location, start=1):
            in_list = isinstance(node, list) and isinstance(part, int) and part < len(node)
            if in_list or (isinstance(node, Mapping) and part in node):
                node = node[part]
            elif place < len(location):
                continue
            parts.append(str(part))
        return parts

    def value(self, location: Location) -> Any:
        """The block at a location; an empty one when nothing stands there."""
        found = self.data
        for part in location:
            if not isinstance(found, dict) or part not in found:
                return {}
            found = found[part]
        return found


def load(path: Path) -> Document:
    """Read one YAML file. Raises WorkspaceError when it cannot be read or is not YAML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise WorkspaceError(
            "{file} is not UTF-8 text (byte {position}). Save it as UTF-8.", file=path, position=error.start
        ) from None
    except OSError as error:
        raise WorkspaceError("{file} cannot be read: {why}.", file=path, why=error.strerror) from None
    try:
        tree = _tree(text)
    except DuplicateKeyError as error:
        raise _syntax(path, error, tr("the key stands twice")) from None
    except MarkedYAMLError as error:
        raise _syntax(path, error, (error.problem or "syntax").splitlines()[0]) from None
    except ValueError as error:
        raise WorkspaceError(
            "{file} holds a date that there is not: {why}. Write days as 2027-10-01, or quote the text.",
            file=path,
            why=error,
        ) from None
    except YAMLError as error:
        raise WorkspaceError("{file}: not YAML: {why}.", file=path, why=str(error).splitlines()[0]) from None
    return Document(path, _plain(tree), tree)


@lru_cache(_REMEMBERED)
def _tree(text: str) -> Any:
    """Remembered: a check and then the run read every screen more than once, and ruamel takes some 15 ms a file."""
    return YAML(typ="rt").load(text)


def read(path: Path, model: type[Model]) -> Model:
    """The file as this model. Raises WorkspaceError for its first mistake."""
    return validated(load(path), model)


def validated(document: Document, model: type[Model], at: Location = ()) -> Model:
    """The document, or its block at a location, as this model. Raises WorkspaceError for its first mistake."""
    for found in mistakes(document, model, at):
        raise found
    return model.model_validate(document.value(at))


def mistakes(document: Document, model: type[BaseModel], at: Location = ()) -> tuple[WorkspaceError, ...]:
    """Every mistake of the document, or of its block at a location, against this model; empty when it is valid."""
    try:
        model.model_validate(document.value(at))
    except ValidationError as error:
        return tuple(_sentences(document, model, error, at))
    return tuple(_flags(document, model, at))


def mistake(document: Document, location: Location, template: str, /, **fields: Any) -> WorkspaceError:
    """A mistake that the model cannot see, such as a name nobody has. ``template`` goes on after ``file:line: ``."""
    return WorkspaceError("{file}:{line}: " + template, file=document.path, line=document.line(location), **fields)


def closest(wrong: object, valid: Sequence[str]) -> str:
    """`` Did you mean X?`` when one of the valid words is near, else nothing."""
    near = nearest(wrong, valid)
    return tr(" Did you mean {near}?", near=near) if near else ""


def nearest(wrong: object, valid: Sequence[str]) -> str | None:
    """The valid word that is near, if one is."""
    return next(iter(difflib.get_close_matches(str(wrong), valid, n=1)), None)


def shown(value: object) -> str:
    """A wrong value as a reader should see it; a whole block is only named."""
    if isinstance(value, dict):
        return tr("a block of keys")
    if isinstance(value, list):
        return tr("a list")
    if value is None or isinstance(value, bool):
        return tr("empty") if value is None else str(value).lower()
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _syntax(path: Path, error: MarkedYAMLError, why: str) -> WorkspaceError:
    mark = error.problem_mark or error.context_mark
    return WorkspaceError(
        "{file}:{line}: not valid YAML: {why}. Correct this line; indent with spaces, quote text with a colon.",
        file=path,
        line=mark.line + 1 if mark else 1,
        why=why,
    )


def _plain(node: Any) -> Any:
    if isinstance(node, Mapping):
        return {_plain(key): _plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_plain(item) for item in node]
    for kind in (bool, str, int, float):
        if isinstance(node, kind):
            return kind(node)
    return node


def _sentences(
    document: Document, model: type[BaseModel], error: ValidationError, at: Location
) -> Iterator[WorkspaceError]:
    details = error.errors(include_url=False)
    for detail in details:
        if not _follows(detail, details, model):
            yield _sentence(document, model, detail, at)


def _follows(detail: ErrorDetails, details: Sequence[ErrorDetails], model: type[BaseModel]) -> bool:
    """Whether it only says what another mistake brought about: the right key of a misspelt one is missing, or a list
    is too short because an entry of it is wrong.
    """
    *block, key = detail["loc"] or ("",)
    if detail["type"] == "too_short":
        place = detail["loc"]
        return any(len(other["loc"]) > len(place) and other["loc"][: len(place)] == place for other in details)
    return detail["type"] == "missing" and any(
        [*other["loc"][:-1]] == block and key == nearest(other["loc"][-1], keys_at(model, block))
        for other in details
        if other["type"] == "extra_forbidden"
    )


def _flags(document: Document, model: type[BaseModel], at: Location) -> Iterator[WorkspaceError]:
    """Every true or false where a number belongs: pydantic takes them for 1 and 0."""
    for place, value in _leaves(document.value(at)):
        if isinstance(value, bool) and is_number(model, place):
            key = ".".join(map(str, (*at, *place)))
            why = tr("it must be a number")
            yield mistake(document, (*at, *place), "{key} is {value}: {why}.", key=key, value=shown(value), why=why)


def _leaves(node: Any, at: tuple[int | str, ...] = ()) -> Iterator[tuple[tuple[int | str, ...], Any]]:
    """Every value that is no block and no list, with its place."""
    if isinstance(node, (dict, list)):
        for part, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from _leaves(value, (*at, part))
    else:
        yield at, node


def _sentence(document: Document, model: type[BaseModel], detail: ErrorDetails, at: Location) -> WorkspaceError:
    where = (*at, *detail["loc"])
    keys = ".".join(document.standing(where)) or tr("(the whole file)")
    explain = _EXPLAINED.get(detail["type"])
    if explain is not None:
        template, fields = explain(model, detail)
    else:
        value = tr("not shown") if is_secret(model, detail["loc"]) else shown(detail["input"])
        template, fields = "{key} is {value}: {why}.", {"value": value, "why": misfit.why(detail)}
    return mistake(document, where, template, key=keys, **fields)


def _unknown_key(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, dict[str, Any]]:
    valid = keys_at(model, detail["loc"][:-1])
    wrong = detail["loc"][-1]
    return "{key} is not a known key. Valid keys: {valid}.{guess}", {
        "valid": ", ".join(valid),
        "guess": closest(wrong, valid),
    }


def _missing_key(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, dict[str, Any]]:
    return "the key {key} is missing. Add it.", {}


def _wrong_choice(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, dict[str, Any]]:
    expected = str(detail.get("ctx", {}).get("expected", ""))
    choices = [word.strip(" '\"") for word in expected.replace(" or ", ", ").split(",")]
    return "{key} is {value}. Valid values: {valid}.{guess}", {
        "value": shown(detail["input"]),
        "valid": ", ".join(choices),
        "guess": closest(detail["input"], choices),
    }


def _wrong_tag(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, dict[str, Any]]:
    context = detail.get("ctx", {})
    choices = [word.strip(" '\"") for word in str(context.get("expected_tags", "")).split(",")]
    return "{key}.{tag} is {value}. Valid values: {valid}.{guess}", {
        "tag": str(context.get("discriminator", "")).strip("'"),
        "value": shown(context.get("tag")),
        "valid": ", ".join(choices),
        "guess": closest(context.get("tag"), choices),
    }


def _missing_tag(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, dict[str, Any]]:
    tag = str(detail.get("ctx", {}).get("discriminator", "")).strip("'")
    near = nearest(tag, list(map(str, detail["input"]))) if isinstance(detail["input"], dict) else None
    if near is not None:
        return "{key}.{wrong} is not a known key. Did you mean {tag}?", {"wrong": near, "tag": tag}
    return "the key {key}.{tag} is missing. Add it; valid values: {valid}.", {
        "tag": tag,
        "valid": ", ".join(map(str, words_at(model, (*detail["loc"], tag)))),
    }


def _own_words(model: type[BaseModel], detail: ErrorDetails) -> tuple[str, dict[str, Any]]:
    return "{key}: {why}.", {"why": misfit.why(detail)}


_EXPLAINED: dict[str, Callable[[type[BaseModel], ErrorDetails], tuple[str, dict[str, Any]]]] = {
    "extra_forbidden": _unknown_key,
    "missing": _missing_key,
    "literal_error": _wrong_choice,
    "union_tag_invalid": _wrong_tag,
    "union_tag_not_found": _missing_tag,
    "value_error": _own_words,
}
