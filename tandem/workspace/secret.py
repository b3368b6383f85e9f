"""Secrets: a file of the workspace says where one is kept; the value is fetched when a system is connected.

``env:NAME`` an environment variable; ``file:PATH`` the text of a file (relative to the workspace);
``keyring:SERVICE/NAME`` the system's keyring, where the package ``keyring`` is installed. Anything else is
the secret itself.
"""

import importlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr

from tandem.errors import UsageError
from tandem.log import register_secret

Model = TypeVar("Model", bound=BaseModel)
KINDS = ("env:", "file:", "keyring:")


def with_secrets(model: Model, folder: Path) -> Model:
    """The model with every SecretStr fetched and made unprintable. Raises UsageError when one cannot be fetched."""
    changed: dict[str, Any] = {}
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            changed[name] = SecretStr(_registered(fetch(value.get_secret_value(), folder)))
        elif isinstance(value, BaseModel):
            changed[name] = with_secrets(value, folder)
    return model.model_copy(update=changed)


def secrets_of(model: BaseModel, *location: str) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every SecretStr below a model as it stands in the file, with its location."""
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            yield (*location, name), value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from secrets_of(value, *location, name)


def is_plain(text: str) -> bool:
    """Whether the file holds the secret itself."""
    return not text.startswith(KINDS)


def fetch(text: str, folder: Path) -> str:
    """The secret that ``text`` stands for. Raises UsageError."""
    if text.startswith("env:"):
        return _from_environment(text.removeprefix("env:"))
    if text.startswith("file:"):
        return _from_file(folder / text.removeprefix("file:"))
    if text.startswith("keyring:"):
        return _from_keyring(text.removeprefix("keyring:"))
    return text


def _registered(value: str) -> str:
    register_secret(value)
    return value


def _from_environment(name: str) -> str:
    try:
        return os.environ[name]
    except KeyError:
        raise UsageError(
            "The environment variable {name} is not set. Set it to the secret that tandem.yaml calls env:{name}.",
            name=name,
        ) from None


def _from_file(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            "The secret file {path} cannot be read: {why}. Put the secret, and nothing else, into it.",
            path=path,
            why=error.strerror if isinstance(error, OSError) else "it is not UTF-8 text",
        ) from None
    if not text:
        raise UsageError("The secret file {path} is empty. Put the secret, and nothing else, into it.", path=path)
    return text


def _from_keyring(text: str) -> str:
    service, _, name = text.partition("/")
    try:
        keyring = importlib.import_module("keyring")
    except ModuleNotFoundError:
        raise UsageError(
            "keyring:{entry} needs the package keyring, which is not installed. Run: pip install keyring; or use "
            "env: or file:.",
            entry=text,
        ) from None
    value = keyring.get_password(service, name)
    if value is None:
        raise UsageError(
            "The keyring has no password {name} of service {service}. Add it, or use env: or file:.",
            name=name,
            service=service,
        )
    return str(value)
