"""Files that tandem.yaml names, such as a ``ca_file``: relative ones lie in the workspace."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

Model = TypeVar("Model", bound=BaseModel)


def with_paths(model: Model, folder: Path) -> Model:
    """The model with every path absolute, so that it does not matter where Tandem is started."""
    changed: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path):
            changed[name] = folder / value
        elif isinstance(value, BaseModel):
            changed[name] = with_paths(value, folder)
    return model.model_copy(update=changed)


def paths_of(model: BaseModel, *location: str) -> Iterator[tuple[tuple[str, ...], Path]]:
    """Every path below a model as it stands in the file, with its location."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, Path):
            yield (*location, name), value
        elif isinstance(value, BaseModel):
            yield from paths_of(value, *location, name)
