"""A disk without room leaves nothing half-written behind."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tandem.errors import TandemError
from tandem.workspace.engine import vault_of
from tandem.workspace.founding import found
from tandem.workspace.workspace import Workspace


@contextmanager
def room_for(size_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond this size; Python ignores the signal, so that writing fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_key_of_the_vault_is_whole_or_not_there(tmp_path: Path) -> None:
    found(tmp_path / "acme", "en")
    workspace = Workspace.load(tmp_path / "acme")
    with room_for(10), pytest.raises(TandemError, match="cannot be written"):
        vault_of(workspace)
    assert [path.name for path in workspace.data.iterdir()] == ["secrets"]


def test_folder_is_a_workspace_only_once_its_configuration_is_whole(tmp_path: Path) -> None:
    with room_for(300), pytest.raises(TandemError, match=r"tandem\.yaml cannot be written"):
        found(tmp_path / "acme", "en")
    assert not (tmp_path / "acme" / "tandem.yaml").exists()
    assert found(tmp_path / "acme", "en").systems
