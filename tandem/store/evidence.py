"""The evidence folder: files named by their content, so that the same picture is kept once, and no change is unseen."""

import hashlib
import os
from pathlib import Path

from tandem.domain.clock import new_id
from tandem.domain.evidence import Evidence, EvidenceKind
from tandem.errors import StoreError


class EvidenceStore:
    """Saves what a channel saw of a failed attempt. The folder is made when the first file is saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, kind: EvidenceKind, content: bytes, suffix: str) -> Evidence:
        """Keep these bytes; ``suffix`` such as ``.png``. The file appears whole or not at all. Raises StoreError."""
        digest = hashlib.sha256(content).hexdigest()
        name = f"{digest[:2]}/{digest}{suffix}"
        path = self._folder / name
        try:
            if not path.exists():
                _write_whole(path, content)
        except OSError as error:
            raise StoreError(
                "Evidence cannot be saved in {folder}: {why}. Free space or give another folder.",
                folder=self._folder,
                why=error.strerror,
            ) from error
        return Evidence(kind, name)

    def path(self, evidence: Evidence) -> Path:
        """Where the file of this evidence lies."""
        return self._folder / evidence.path


def _write_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{new_id()}")
    try:
        draft.write_bytes(content)
        os.replace(draft, path)  # noqa: PTH105 - replaces on every platform
    finally:
        draft.unlink(missing_ok=True)
