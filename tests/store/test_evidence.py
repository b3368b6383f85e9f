"""The evidence folder."""

import hashlib
from pathlib import Path

import pytest

from tandem.errors import StoreError
from tandem.store.evidence import EvidenceStore
from tandem.store.whole_file import write_whole


def test_file_is_named_by_its_content(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    saved = store.save("screenshot", b"picture", ".png")
    assert Path(saved.path).stem == hashlib.sha256(b"picture").hexdigest()
    assert store.path(saved).read_bytes() == b"picture"


def test_the_same_picture_is_kept_once(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    assert store.save("screenshot", b"picture", ".png") == store.save("screenshot", b"picture", ".png")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_evidence_that_cannot_be_kept_is_none_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert EvidenceStore(tmp_path / "file").save("trace", b"x", ".zip") is None


def test_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "file", b"content")
    assert (tmp_path / "new" / "file").read_bytes() == b"content"
    (tmp_path / "taken").mkdir()
    with pytest.raises(StoreError, match="taken cannot be written"):
        write_whole(tmp_path / "taken", b"content")
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []
