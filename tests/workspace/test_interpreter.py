"""Which Python a real server is given: one that really runs and is new enough, or none."""

import sys
from pathlib import Path

import pytest

from tandem.workspace.real.interpreter import interpreter, version_of

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="its Pythons are scripts of a POSIX shell")


def python(folder: Path, name: str, says: str) -> str:
    """A program that tells its version so."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{says}\n", encoding="utf-8")
    path.chmod(0o755)
    return str(path)


def test_our_own_python_is_taken_when_it_will_do() -> None:
    assert interpreter((3, 11)) == sys.executable


def test_oldest_that_will_do_is_taken_and_a_shim_that_does_not_run_is_not(tmp_path: Path) -> None:
    own = python(tmp_path, "own", "echo 3 11")
    python(tmp_path / "path", "python3.12", "echo 'version not set' >&2; exit 127")
    wanted = python(tmp_path / "home/.pyenv/versions/3.12.9/bin", "python3.12", "echo 3 12")
    python(tmp_path / "path", "python3.13", "echo 3 13")
    assert interpreter((3, 12), own, str(tmp_path / "path"), tmp_path / "home") == wanted


def test_machine_without_one_has_none(tmp_path: Path) -> None:
    own = python(tmp_path, "own", "echo 3 11")
    assert interpreter((3, 12), own, str(tmp_path / "path"), tmp_path) is None
    assert version_of(str(tmp_path / "absent")) is None
