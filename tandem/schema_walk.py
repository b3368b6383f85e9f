"""Which keys a pydantic model accepts at a place inside it."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo


def keys_at(model: type[BaseModel], location: Sequence[int | str]) -> tuple[str, ...]:
    """The keys valid at a location as pydantic reports it (union tags included), in their declared order."""
    options = (option for place in _places(model, location) for option in _options(place))
    return tuple(dict.fromkeys(key for option in options for key in _keys(option)))


def models_at(model: type[BaseModel], location: Sequence[int | str]) -> tuple[type[BaseModel], ...]:
    """The models that may stand at a location; empty when something else does."""
    options = (option for place in _places(model, location) for option in _options(place))
    return tuple(option for option in options if _is_model(option))


def is_secret(model: type[BaseModel], location: Sequence[int | str]) -> bool:
    """Whether a secret belongs at a location."""
    return any(option is SecretStr for place in _places(model, location) for option in _options(place))


def is_number(model: type[BaseModel], location: Sequence[int | str]) -> bool:
    """Whether a number belongs at a location, and no true or false."""
    options = {option for place in _places(model, location) for option in _options(place)}
    if bool in options:
        return False
    return bool(options & {int, float, Decimal}) or any(type(word) is int for word in words_at(model, location))


def words_at(model: type[BaseModel], location: Sequence[int | str]) -> tuple[Any, ...]:
    """The fixed values that may stand at a location, in their declared order."""
    options = (option for place in _places(model, location) for option in _options(place))
    return tuple(word for option in options if get_origin(option) is Literal for word in get_args(option))


def _places(model: type[BaseModel], location: Sequence[int | str]) -> list[Any]:
    """The types that may stand at a location."""
    places: list[Any] = [model]
    for part in location:
        stepped = [inner for place in places for inner in _step(place, part)]
        places = stepped or _chosen(places, part)
    return places


def _options(place: Any) -> Iterator[Any]:
    """The place itself, or the members of a union, stripped of annotations."""
    origin = get_origin(place)
    if origin is Annotated:
        yield from _options(get_args(place)[0])
    elif origin in (Union, UnionType):
        for member in get_args(place):
            yield from _options(member)
    else:
        yield place


def _step(place: Any, part: int | str) -> Iterator[Any]:
    for option in _options(place):
        origin, arguments = get_origin(option), get_args(option)
        if _is_model(option):
            fields = {_name(name, field): field for name, field in option.model_fields.items()}
            if part in fields:
                yield fields[str(part)].annotation
        elif origin in (list, tuple, Sequence) and isinstance(part, int):
            yield arguments[0]
        elif origin in (dict, Mapping):
            yield arguments[1]


def _chosen(places: list[Any], part: int | str) -> list[Any]:
    """Where ``part`` is the tag of a union, its member; else the places unchanged."""
    options = [option for place in places for option in _options(place)]
    tagged = [option for option in options if _is_model(option) and part in _tags(option)]
    return tagged or places


def _tags(model: type[BaseModel]) -> set[object]:
    literals = (field.annotation for field in model.model_fields.values() if get_origin(field.annotation) is Literal)
    return {model.__name__, *(value for literal in literals for value in get_args(literal))}


def _keys(option: Any) -> Iterator[str]:
    if _is_model(option):
        for name, field in option.model_fields.items():
            yield _name(name, field)


def _name(name: str, field: FieldInfo) -> str:
    return field.alias or name


def _is_model(option: Any) -> bool:
    return isinstance(option, type) and issubclass(option, BaseModel)
