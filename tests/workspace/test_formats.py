"""Formats: a file of an older version is read through one-step upgrades."""

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from tandem.errors import WorkspaceError
from tandem.workspace.catalogue import FORMATS
from tandem.workspace.formats import Format


class Third(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: Literal[3]
    names: list[str]


def rename(data: dict[str, Any]) -> dict[str, Any]:
    return {"format": 1, "title": data["name"]}


def listed(data: dict[str, Any]) -> dict[str, Any]:
    return {"names": [data["title"]]}


THIRD = Format("third", Third, version=3, upgrades={1: rename, 2: listed})


def test_file_of_the_first_version_is_read_as_the_third(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("format: 1\nname: acme\n", encoding="utf-8")
    assert THIRD.read(tmp_path / "old.yaml") == Third(format=3, names=["acme"])


def test_file_of_the_current_version_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text("format: 3\nnames: [acme]\n", encoding="utf-8")
    assert THIRD.read(tmp_path / "new.yaml") == Third(format=3, names=["acme"])


def test_file_of_a_version_to_come_is_refused_with_the_known_one(tmp_path: Path) -> None:
    (tmp_path / "future.yaml").write_text("format: 4\nnames: []\n", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"future\.yaml:1"):
        THIRD.read(tmp_path / "future.yaml")


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_a_schema_that_refuses_unknown_keys(name: str) -> None:
    schema = FORMATS[name].schema()
    assert schema["additionalProperties"] is False
    assert "format" in schema["required"]


def test_version_that_is_no_number_is_refused_like_any_wrong_value(tmp_path: Path) -> None:
    (tmp_path / "odd.yaml").write_text("format: [3]\nnames: []\n", encoding="utf-8")
    with pytest.raises(WorkspaceError, match=r"odd\.yaml:1: format is a list"):
        THIRD.read(tmp_path / "odd.yaml")
