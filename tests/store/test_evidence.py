"""The evidence folder."""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tandem.errors import StoreError
from tandem.store.evidence import EvidenceStore
from tandem.store.whole_file import write_whole

NOW = datetime(2026, 1, 1, tzinfo=UTC)


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


def test_file_that_is_saved_again_is_not_discarded_for_its_age(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    saved = store.save("screenshot", b"picture", ".png")
    assert saved is not None
    os.utime(store.path(saved), (0, 0))
    assert store.unused((), NOW) == {saved.path: 7}
    store.save("screenshot", b"picture", ".png")
    assert not store.discard(saved.path, NOW)
    assert store.path(saved).read_bytes() == b"picture"


def test_file_a_dying_process_had_put_aside_is_put_back(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    saved = store.save("screenshot", b"picture", ".png")
    assert saved is not None
    path = store.path(saved)
    path.rename(path.with_name(f".{path.name}.aside"))
    assert store.unused((), NOW) == {}
    assert path.read_bytes() == b"picture"


def test_patch_stays_for_its_review_with_the_pictures_it_names(tmp_path: Path) -> None:
    store = EvidenceStore(tmp_path)
    before, other = store.save("screenshot", b"before", ".png"), store.save("screenshot", b"other", ".png")
    assert before is not None
    assert other is not None
    patch = store.save("message", f"Before the attempt went on: {before.path}\n--- a\n+++ b\n".encode(), ".patch")
    assert patch is not None
    for saved in (before, other, patch):
        os.utime(store.path(saved), (0, 0))
    assert list(store.unused((), NOW)) == [other.path]
