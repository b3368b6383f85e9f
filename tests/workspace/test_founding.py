"""``init`` makes a workspace that works against the sandboxes and keeps no secret in clear."""

from pathlib import Path

import pytest

from tandem.errors import UsageError
from tandem.workspace.check import check
from tandem.workspace.founding import found
from tandem.workspace.roots import Roots
from tandem.workspace.sandbox import sandboxes
from tandem.workspace.secret import with_secrets
from tandem.workspace.workspace import Workspace


def test_new_workspace_has_no_mistake_and_no_warning(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    made = found(folder, "en")
    report = check(folder)
    assert made.systems
    assert [str(error) for error in report.mistakes if str(folder) in str(error)] == []
    assert report.warnings == ()


def test_new_workspace_binds_every_bot_and_explains_itself(tmp_path: Path) -> None:
    found(tmp_path / "acme", "zh")
    workspace = Workspace.load(tmp_path / "acme")
    assert workspace.configuration.language == "zh"
    assert set(workspace.configuration.bots) == set(workspace.bots())
    assert (tmp_path / "acme" / "tandem.yaml").read_text(encoding="utf-8").count("# ") >= 6


def test_secrets_lie_in_files_of_their_own_that_others_cannot_read(tmp_path: Path) -> None:
    found(tmp_path / "acme", "en")
    workspace = Workspace.load(tmp_path / "acme")
    text = (tmp_path / "acme" / "tandem.yaml").read_text(encoding="utf-8")
    files = list((tmp_path / "acme" / "data" / "secrets").iterdir())
    assert files
    for file in files:
        assert file.stat().st_mode & 0o077 == 0
        assert file.read_text(encoding="utf-8").strip() not in text
    for system in workspace.configuration.systems.values():
        assert "file:" not in repr(with_secrets(system, workspace.folder))


def test_folder_that_is_a_workspace_already_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "tandem.yaml").write_text("format: 1\n", encoding="utf-8")
    with pytest.raises(UsageError, match="is a workspace already"):
        found(tmp_path, "en")
    assert (tmp_path / "tandem.yaml").read_text(encoding="utf-8") == "format: 1\n"


def test_vendor_that_is_not_there_is_named_with_the_valid_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="There is no vendor acme_epr"):
        found(tmp_path / "acme", "en", ["acme_epr"])
    assert not (tmp_path / "acme").exists()


def test_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot be made: Not a directory"):
        found(tmp_path / "file" / "acme", "en")


def test_new_workspace_is_by_default_of_vendors_that_have_a_sandbox(tmp_path: Path) -> None:
    made = found(tmp_path / "acme", "en")
    assert {vendor for vendor, _ in made.systems.values()} <= set(sandboxes(Roots.of(None)))
