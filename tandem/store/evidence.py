"""The evidence folder: files named by their content, so that the same picture is kept once, and no change is unseen."""

import hashlib
from pathlib import Path

from tandem.domain.evidence import Evidence, EvidenceKind
from tandem.errors import StoreError
from tandem.log import event
from tandem.store.whole_file import write_whole


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
            if not path.exists():
                write_whole(path, content)
        except (OSError, StoreError) as error:
            event("evidence.missing", level="WARNING", kind=kind, why=str(error))
            return None
        return Evidence(kind, name)

    def path(self, evidence: Evidence) -> Path:
        """Where the file of this evidence lies."""
        return self._folder / evidence.path
