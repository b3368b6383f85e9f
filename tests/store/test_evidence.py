"""The evidence folder."""

import hashlib
from pathlib import Path

import pytest

from tandem.errors import StoreError
from tandem.store.evidence import EvidenceStore


def test_file_is_named_by_its_content(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    saved = store.save("screenshot", b"picture", ".png")
    assert Path(saved.path).stem == hashlib.sha256(b"picture").hexdigest()
    assert store.path(saved).read_bytes() == b"picture"


def test_the_same_picture_is_kept_once(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    assert store.save("screenshot", b"picture", ".png") == store.save("screenshot", b"picture", ".png")
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


def test_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Evidence cannot be saved"):
        EvidenceStore(tmp_path / "file").save("trace", b"x", ".zip")
