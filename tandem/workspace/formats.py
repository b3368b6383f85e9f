"""The formats of workspace files: each has a name, a model, and the way from its older versions.

A file says ``format: N``. One-step upgrades take its data from N to N + 1 until it is the model's version, so a file
written for an older Tandem goes on being read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel

from tandem import document
from tandem.document import Document
from tandem.errors import WorkspaceError

Model = TypeVar("Model", bound=BaseModel)
Upgrade = Callable[[dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class Examined(Generic[Model]):
    """A file without a mistake of form."""

    file: Document
    model: Model


@dataclass(frozen=True)
class Format(Generic[Model]):
    """``name`` is what ``tandem schema`` calls it. ``upgrades[n]`` takes data of version n to version n + 1."""

    name: str
    model: type[Model]
    version: int = 1
    upgrades: Mapping[int, Upgrade] = field(default_factory=dict)

    def load(self, path: Path) -> Document:
        """The file, its data brought to the current version. Raises WorkspaceError when it is not YAML."""
        return self._upgraded(document.load(path))

    def read(self, path: Path) -> Model:
        """The file as its model. Raises WorkspaceError for the first mistake."""
        return document.validated(self.load(path), self.model)

    def examine(self, path: Path) -> "Examined[Model] | tuple[WorkspaceError, ...]":
        """The file and its model, or every mistake of it."""
        try:
            file = self.load(path)
        except WorkspaceError as error:
            return (error,)
        return document.mistakes(file, self.model) or Examined(file, document.validated(file, self.model))

    def schema(self) -> dict[str, Any]:
        """The format as JSON Schema."""
        return {"$schema": "https://json-schema.org/draft/2020-12/schema", **self.model.model_json_schema()}

    def _upgraded(self, found: Document) -> Document:
        data = found.data
        while isinstance(data, dict) and isinstance(step := data.get("format"), int) and step in self.upgrades:
            data = self.upgrades[step](data) | {"format": step + 1}
        return replace(found, data=data)
