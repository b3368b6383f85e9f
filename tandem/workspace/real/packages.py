"""The software of a real server: Python packages in an environment of their own, and what npm brings."""

import hashlib
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tandem.errors import PackagesMissing, UsageError
from tandem.workspace.real.interpreter import Version, interpreter
from tandem.workspace.real.place import Place

_NPM_FILES = ("package.json", "package-lock.json")
SYSTEM_PYTHON = "/usr/bin/python3"
_MARK = "installed"
"""Written last: the digest of what an installation was made from."""


def is_installed(place: Place, requirements: Path) -> bool:
    """Whether the server's own environment holds these packages."""
    return _installed(place.folder / "python") == _digest(requirements)


def install_python(place: Place, requirements: Path, least: Version) -> bool:
    """Whether anything had to be installed. Every package is checked against its hash. Raises PackagesMissing.

    ``least``: the Python it wants. ``requirements`` names every package, so that pip need not look for more.
    """
    options = ("--only-binary", ":all:")
    return _install(
        place, place.folder / "python", requirements, lambda: [require_python(least), "-m", "venv"], options
    )


def install_client(place: Place, requirements: Path) -> bool:
    """The desktop client, on the system's Python, which has GTK; whether anything had to be installed.

    Its requirements are complete: what they leave out, Debian brings. Raises PackagesMissing.
    """
    venv = [SYSTEM_PYTHON, "-m", "venv", "--system-site-packages"]
    return _install(place, place.client, requirements, lambda: venv)


def has_gtk() -> bool:
    """Whether the system's Python can draw GTK windows."""
    looked = "import gi, cairo; gi.require_version('Gtk', '3.0'); from gi.repository import Gtk"
    return subprocess.run([SYSTEM_PYTHON, "-c", looked], check=False, capture_output=True).returncode == 0


def install_npm(place: Place, packages: Path) -> bool:
    """Whether anything had to be installed; no package's own scripts are run. Raises PackagesMissing."""
    folder, wanted = place.packages.parent, "".join(_digest(packages / name) for name in _NPM_FILES)
    if _installed(folder) == wanted:
        return False
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name in _NPM_FILES:
        shutil.copy(packages / name, folder / name)
    options = ("--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error")
    _fetch(place, [require_npm(), "ci", *options], folder)
    (folder / _MARK).write_text(wanted, encoding="utf-8")
    return True


def require_python(least: Version) -> str:
    """A Python of at least this version. Raises PackagesMissing when this machine has none."""
    found = interpreter(least)
    if found is None:
        raise PackagesMissing(
            "The server needs Python {version} or later, and this machine has none, neither on PATH nor where pyenv "
            "and uv keep theirs. Install it (apt-get install python3-venv, pyenv install or uv python install), then "
            "run the command again.",
            version=".".join(map(str, least)),
        )
    return found


def require_npm() -> str:
    """Where npm is. Raises PackagesMissing when this machine has none."""
    found = shutil.which("npm")
    if found is None:
        raise PackagesMissing(
            "npm is not installed, and the server's web client comes from it. Install Node.js 20 or later "
            "(apt-get install npm), then run the command again."
        )
    return found


def _install(
    place: Place, environment: Path, requirements: Path, venv: Callable[[], list[str]], options: Sequence[str] = ()
) -> bool:
    """Python packages into an environment that ``venv`` makes; whether anything had to be installed."""
    wanted = _digest(requirements)
    if _installed(environment) == wanted:
        return False
    shutil.rmtree(environment, ignore_errors=True)
    place.run([*venv(), environment])
    pip = (environment / "bin" / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _fetch(place, [*pip, "--no-input", *options, "--require-hashes", "--no-deps", "-r", requirements], environment)
    (environment / _MARK).write_text(wanted, encoding="utf-8")
    return True


def _fetch(place: Place, command: Sequence[str | Path], folder: Path) -> None:
    try:
        place.run(command, folder=folder)
    except UsageError as error:
        raise PackagesMissing(
            "The packages of the server of {vendor} could not be fetched: {why} Check the network and the package "
            "index that pip and npm use on this machine, then run the command again.",
            vendor=place.vendor,
            why=error,
        ) from None


def _installed(folder: Path) -> str | None:
    try:
        return (folder / _MARK).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
