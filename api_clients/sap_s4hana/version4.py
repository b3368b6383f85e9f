"""An answer in OData V4 JSON, read as the V2 that the rest of the client knows.

Only the shape is another: collections, their next page, etags. Values stay as V4 writes them. Source: OData JSON Format
Version 4.0, 4.5 (annotations of the payload).
"""

from typing import Any

_CONTEXT, _ETAG, _NEXT = "@odata.context", "@odata.etag", "@odata.nextLink"


def is_version_4(body: Any) -> bool:
    """Whether the body says so itself."""
    return isinstance(body, dict) and _CONTEXT in body


def as_version_2(body: dict[str, Any]) -> Any:
    """``{"value": [...]}`` as ``{"results": [...]}`` with ``__next``, ``@odata.etag`` below ``__metadata``."""
    if isinstance(body.get("value"), list):
        return _collection(body["value"], body.get(_NEXT))
    return _entity(body)


def _entity(value: Any) -> Any:
    """Of its annotations only the etag stays."""
    if not isinstance(value, dict):
        return value
    read = {name: _member(value, name) for name in value if "@" not in name}
    return read | {"__metadata": {"etag": value[_ETAG]}} if _ETAG in value else read


def _member(entity: dict[str, Any], name: str) -> Any:
    """A property, or the entities an expanded navigation property leads to; those may go on elsewhere."""
    value = entity[name]
    return _collection(value, entity.get(f"{name}{_NEXT}")) if isinstance(value, list) else _entity(value)


def _collection(items: list[Any], following: str | None) -> dict[str, Any]:
    read = {"results": [_entity(item) for item in items]}
    return read | {"__next": following} if following else read
