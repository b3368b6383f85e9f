"""What this machine and this workspace have, and the one command that fetches what is missing."""

import asyncio
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tandem.errors import UsageError
from tandem.http.settings import ApiSettings
from tandem.text import listed, tr
from tandem.workspace.paths import with_paths
from tandem.workspace.reach import fault_of
from tandem.workspace.workspace import Workspace

State = Literal["ok", "missing", "unneeded"]
CHROMIUM = (
    "/usr/lib/chromium/chromium",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
    "chromium-headless-shell",
)
FREE_BYTES = 500_000_000


@dataclass(frozen=True)
class Finding:
    """One thing looked at. ``detail`` says what was found; ``fix`` is the command that helps when it is missing."""

    subject: str
    state: State
    detail: str
    fix: str = ""


def of_machine() -> Iterator[Finding]:
    """Python, the browser, OCR, the desktop tools, a display."""
    yield _python()
    yield _program(tr("browser"), CHROMIUM, "chromium")
    yield _program(tr("OCR"), ("tesseract",), "tesseract-ocr")
    yield from _ocr_languages()
    if sys.platform == "linux":
        yield _program(tr("virtual display"), ("Xvfb",), "xvfb")
        yield _program(tr("window manager"), ("openbox",), "openbox")
        yield _program(tr("clipboard"), ("xclip",), "xclip")
        yield _program(tr("session bus"), ("dbus-daemon",), "dbus")
        yield _display()
    yield _disk(Path.cwd())


def of_workspace(workspace: Workspace) -> Iterator[Finding]:
    """The store, the vault key, and every system that is configured."""
    yield _store(workspace)
    yield _vault_key(workspace.vault_key_path)
    for name, system in workspace.configuration.systems.items():
        if system.api is not None:
            yield _reachable(f"{name} (api)", name, with_paths(system.api, workspace.folder))
        if system.browser is not None:
            yield _reachable(f"{name} (browser)", name, ApiSettings(url=system.browser.url))
            if system.browser.executable is not None:
                yield _executable(name, workspace.folder / system.browser.executable)
        if system.desktop is not None:
            yield _client(f"{name} (desktop)", system.desktop.command[0])


def _python() -> Finding:
    wanted = sys.version_info >= (3, 11)
    return Finding("Python", "ok" if wanted else "missing", f"{platform.python_version()} {sys.executable}")


def _program(subject: str, names: tuple[str, ...], package: str) -> Finding:
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found:
        return Finding(subject, "ok", found)
    return Finding(subject, "missing", tr("none of {names}", names=", ".join(names)), _install(package))


def _ocr_languages() -> Iterator[Finding]:
    program = shutil.which("tesseract")
    if program is None:
        return
    told = subprocess.run([program, "--list-langs"], capture_output=True, text=True, check=False).stdout.splitlines()
    installed = [line for line in told if not line.endswith(":")]  # the heading ends so
    for language, package in (("eng", "tesseract-ocr-eng"), ("chi_sim", "tesseract-ocr-chi-sim")):
        subject = tr("OCR language {language}", language=language)
        if language in installed:
            yield Finding(subject, "ok", language)
        else:
            detail = tr("not among {languages}", languages=listed(installed[-9:]))
            yield Finding(subject, "missing", detail, _install(package))


def _display() -> Finding:
    display = os.environ.get("DISPLAY")
    if display:
        return Finding(tr("display"), "ok", display)
    return Finding(tr("display"), "unneeded", tr("none: the desktop channel starts a virtual one"))


def _disk(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    state: State = "ok" if free >= FREE_BYTES else "missing"
    detail = tr("{free} MB free", free=free // 1_000_000)
    return Finding(tr("disk space"), state, detail, "" if state == "ok" else tr("free at least 500 MB"))


def _store(workspace: Workspace) -> Finding:
    if workspace.store_path is not None:
        return _writable(tr("store"), workspace.store_path.parent)
    from tandem.workspace.store import open_store  # what a server needs must not be needed to diagnose the rest

    url = workspace.configuration.store.url
    try:
        asyncio.run(open_store(workspace).close())
    except UsageError as error:
        return Finding(tr("store"), "missing", url, str(error))
    return Finding(tr("store"), "ok", url)


def _writable(subject: str, folder: Path) -> Finding:
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if os.access(existing, os.W_OK):
        return Finding(subject, "ok", str(folder))
    return Finding(subject, "missing", tr("{folder} cannot be written", folder=existing), f"chmod u+w {existing}")


def _vault_key(path: Path) -> Finding:
    if not path.is_file():
        return Finding(tr("vault key"), "unneeded", tr("{path} is made when first needed", path=path))
    if os.name == "posix" and path.stat().st_mode & 0o077:
        return Finding(tr("vault key"), "missing", tr("{path} can be read by others", path=path), f"chmod 600 {path}")
    return Finding(tr("vault key"), "ok", str(path))


def _reachable(subject: str, system: str, settings: ApiSettings) -> Finding:
    fault = fault_of(system, settings)
    if fault is None:
        return Finding(subject, "ok", settings.url)
    return Finding(subject, "missing", f"{settings.url}: {fault}", tr("start it, or correct its url"))


def _executable(system: str, path: Path) -> Finding:
    subject = tr("browser of {system}", system=system)
    if os.access(path, os.X_OK) and path.is_file():
        return Finding(subject, "ok", str(path))
    fix = tr("correct browser.executable, or leave it out")
    return Finding(subject, "missing", tr("{path} is no program", path=path), fix)


def _client(subject: str, program: str) -> Finding:
    found = shutil.which(program)
    if found is not None:
        return Finding(subject, "ok", found)
    return Finding(subject, "missing", tr("{path} is no program", path=program), tr("correct desktop.command"))


def _install(package: str) -> str:
    """The command that installs a system package here."""
    if sys.platform == "linux" and shutil.which("apt-get"):
        return f"{'' if os.geteuid() == 0 else 'sudo '}apt-get install -y {package}"
    if sys.platform == "darwin":
        return f"brew install {package.removesuffix('-ocr')}"
    return tr("install {package}", package=package)
