"""Records as JSON text, their personal fields sealed."""

from base64 import b64decode, b64encode
from functools import cache
from typing import Any, TypeVar, get_args

from pydantic.fields import FieldInfo

from tandem.domain.record import Personal, Record
from tandem.vault import Vault

R = TypeVar("R", bound=Record)
_MARK = "sealed:"
_PURPOSE = "journal"


class Codec:
    """Writes records as JSON text and reads them back; what the domain marks as personal is sealed in between."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def dump(self, record: Record) -> Any:
        """JSON-safe data of the record."""
        data = record.model_dump(mode="json")
        return _walk(record, data, self._seal) if _holds_personal(type(record)) else data

    def load(self, kind: type[R], data: Any) -> R:
        """The record that ``dump`` wrote. Raises pydantic.ValidationError when the data is of another shape."""
        return kind.model_validate(self._opened(data) if _holds_personal(kind) else data)

    def _seal(self, text: str) -> str:
        return _MARK + b64encode(self._vault.seal(text.encode(), _PURPOSE)).decode() if text else text

    def _opened(self, data: Any) -> Any:
        if isinstance(data, str) and data.startswith(_MARK):
            return self._vault.unseal(b64decode(data.removeprefix(_MARK)), _PURPOSE).decode()
        if isinstance(data, dict):
            return {name: self._opened(value) for name, value in data.items()}
        if isinstance(data, list):
            return [self._opened(value) for value in data]
        return data


def _walk(value: Any, data: Any, seal: Any) -> Any:
    if isinstance(value, Record):
        personal, nested = _fields_of(type(value))
        sealed = {name: seal(data[name]) for name in personal if isinstance(data[name], str)}
        return data | sealed | {name: _walk(getattr(value, name), data[name], seal) for name in nested}
    if isinstance(value, (list, tuple)):
        return [_walk(inner, item, seal) for inner, item in zip(value, data, strict=True)]
    return data


def _is_personal(field: FieldInfo) -> bool:
    return any(isinstance(mark, Personal) for mark in field.metadata)


@cache
def _fields_of(kind: type[Record]) -> tuple[list[str], list[str]]:
    """Those that are personal themselves, and those with records in which some are."""
    fields = kind.model_fields.items()
    personal = [name for name, field in fields if _is_personal(field)]
    return personal, [name for name, field in fields if _inner_personal(field.annotation)]


@cache
def _holds_personal(kind: type[Record]) -> bool:
    return any(_is_personal(field) or _inner_personal(field.annotation) for field in kind.model_fields.values())


def _inner_personal(annotation: Any) -> bool:
    if isinstance(annotation, type) and issubclass(annotation, Record):
        return _holds_personal(annotation)
    return any(_inner_personal(inner) for inner in get_args(annotation))
