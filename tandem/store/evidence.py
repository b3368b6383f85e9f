"""The evidence folder: files named by their content, so that the same picture is kept once, and no change is unseen."""

import hashlib
import os
import re
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

from tandem.domain.evidence import Evidence, EvidenceKind
from tandem.errors import StoreError
from tandem.log import event
from tandem.store.whole_file import write_whole

_NAME = re.compile(r"[0-9a-f]{2}/[0-9a-f]{64}\.\w+")
_ASIDE = ".aside"


class EvidenceStore:
    """Saves what a channel saw of a failed attempt. The folder is made when the first file is saved."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, kind: EvidenceKind, content: bytes, suffix: str) -> Evidence | None:
        """Keep these bytes; ``suffix`` such as ``.png``.

        None, and a line in the log, when they cannot be kept: want of evidence must not hide what it is about.
        """
        digest = hashlib.sha256(content).hexdigest()
        name = f"{digest[:2]}/{digest}{suffix}"
        path = self._folder / name
        try:
            self._keep(path, content)
        except (OSError, StoreError) as error:
            event("evidence.missing", level="WARNING", kind=kind, why=str(error))
            return None
        return Evidence(kind, name)

    def path(self, evidence: Evidence) -> Path:
        """Where the file of this evidence lies."""
        return self._folder / evidence.path

    def unused(self, kept: Collection[str], before: datetime) -> dict[str, int]:
        """Files last saved before an instant that nobody keeps, with their sizes in bytes.

        Patches wait for a review: they stay, with the pictures they name.
        """
        self._put_back()
        files = {path.relative_to(self._folder).as_posix(): path for path in self._folder.glob("??/*.*")}
        patches = [path for path in files.values() if path.suffix == ".patch"]
        named = {name for patch in patches for name in _NAME.findall(patch.read_text(encoding="utf-8"))}
        return {
            name: path.stat().st_size
            for name, path in files.items()
            if name not in named and name not in kept and path.suffix != ".patch" and _is_older(path, before)
        }

    def discard(self, name: str, before: datetime) -> bool:
        """Delete the file unless it has been saved again meanwhile; whether it is gone."""
        path = self._folder / name
        aside = path.with_name(f".{path.name}{_ASIDE}")
        path.rename(aside)
        if not _is_older(aside, before):
            aside.replace(path)
            return False
        aside.unlink()
        return True

    def _keep(self, path: Path, content: bytes) -> None:
        """A file that is there already counts as saved now, so that nobody discards it for its age."""
        try:
            os.utime(path)
        except FileNotFoundError:
            write_whole(path, content)

    def _put_back(self) -> None:
        """Undo what a process left that ended in the middle of ``discard``."""
        for aside in self._folder.glob(f"??/.*{_ASIDE}"):
            aside.replace(aside.with_name(aside.name.removeprefix(".").removesuffix(_ASIDE)))


def _is_older(path: Path, before: datetime) -> bool:
    return datetime.fromtimestamp(path.stat().st_mtime, UTC) < before
