"""A Python new enough for a real server: Tandem's own, or another one of this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

Version = tuple[int, int]
OURS: Version = (3, 11)
"""The least Python that Tandem itself runs on."""
_NEWEST = 20
_KEPT = (".pyenv/versions/*/bin", ".local/share/uv/python/*/bin")
"""Below a home folder: where tools that install Pythons keep them, beside those on PATH."""
_TELL = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
_TELLING_S = 20.0


def interpreter(
    least: Version, own: str = sys.executable, searched: str | None = None, home: Path | None = None
) -> str | None:
    """A Python of at least that version that can make environments; ours if it is one, else the oldest that will do.

    ``searched``: folders, as PATH has them. None when this machine has none.
    """
    path = os.environ.get("PATH", os.defpath) if searched is None else searched
    return next(
        (
            python
            for python in (own, *_others(least, path, home or Path.home()))
            if (told := version_of(python)) is not None and told >= least
        ),
        None,
    )


def version_of(path: str) -> Version | None:
    """What a Python says it is; None when it does not run, as the shim of a version manager that was not told which."""
    try:
        told = subprocess.run([path, "-c", _TELL], capture_output=True, text=True, timeout=_TELLING_S, check=True)
        major, minor = told.stdout.split()
    except (OSError, subprocess.SubprocessError, ValueError):
        return None
    return int(major), int(minor)


def _others(least: Version, searched: str, home: Path) -> Iterator[str]:
    """The Pythons of every version from the least one up, by the names they go under."""
    kept = [folder for pattern in _KEPT for folder in sorted(home.glob(pattern))]
    folders = [*(Path(part) for part in searched.split(os.pathsep) if part), *kept]
    for minor in range(least[1], _NEWEST):
        paths = (folder / f"python{least[0]}.{minor}" for folder in folders)
        yield from (str(path) for path in paths if os.access(path, os.X_OK))
