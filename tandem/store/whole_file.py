"""Files that appear whole or not at all."""

import os
from pathlib import Path

from tandem.domain.clock import new_id
from tandem.errors import StoreError


def write_whole(path: Path, content: bytes) -> None:
    """Write the file in one step, its folder made if needed. Raises StoreError (disk full, no permission)."""
    draft = path.with_name(f".{path.name}.{new_id()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            draft.write_bytes(content)
            os.replace(draft, path)  # noqa: PTH105 - replaces on every platform
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise StoreError(
            "{file} cannot be written: {why}. Free space, or give another folder.", file=path, why=error.strerror
        ) from error
