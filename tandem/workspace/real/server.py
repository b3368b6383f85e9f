"""Real servers of a workspace: which there are, and one of them brought up, taken down, looked at."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from filelock import FileLock, Timeout

from tandem.document import closest
from tandem.errors import UsageError
from tandem.text import listed, tr
from tandem.workspace import code
from tandem.workspace.real import FOLDER, MODULE, packages, process, real_servers
from tandem.workspace.real.interpreter import OURS
from tandem.workspace.real.place import Place
from tandem.workspace.roots import Roots
from tandem.workspace.sandbox import sample_data

_SEEDED, _ORDERS = "seeded", "50"

Say = Callable[[str], object]
"""Told each step that is about to be carried out."""


@dataclass(frozen=True)
class Books:
    """The sample data of a server: a file of invoice lines, or how many orders to generate from which seed.

    ``orders`` None: those it has; at first, as many as suffice for a trial. ``fresh``: as they were seeded, whatever
    happened to them since.
    """

    orders: str | None = None
    seed: int = 1
    fresh: bool = False

    def digest(self) -> str:
        """Changes with the data. Raises UsageError for a file that cannot be read."""
        path = Path(self.chosen)
        try:
            content = path.read_bytes() if path.is_file() else f"{self.chosen} {self.seed}".encode()
        except OSError as error:
            raise UsageError("{file} cannot be read: {why}.", file=path, why=error.strerror) from None
        return hashlib.sha256(content).hexdigest()

    @property
    def chosen(self) -> str:
        """What ``orders`` is at first."""
        return _ORDERS if self.orders is None else self.orders

    def fits(self, place: Place) -> bool:
        """Whether the server has books, and of these data."""
        noted = place.state().get("books")
        return noted is not None and (self.orders is None or noted == self.digest())

    def are_kept(self, place: Place, making: str) -> bool:
        """Whether books that are there will do. Fresh ones are made anew where the vendor's making has changed, unless
        they are of other data, which nobody has named."""
        state = place.state()
        outdated = self.fresh and state.get("making") != making and state.get("books") == self.digest()
        return self.fits(place) and not outdated


@dataclass(frozen=True)
class Standing:
    """How a server stands. ``about``: what else the vendor tells of it."""

    vendor: str
    title: str
    installed: bool
    running: bool
    url: str | None
    pid: int | None
    started_at: datetime | None
    credentials: dict[str, str]
    about: dict[str, str]


def up(vendor: str, data: Path, books: Books, port: int, roots: Roots, say: Say) -> Standing:
    """Install what is missing, make the books when there are none, start the server unless it runs already.

    ``data``: the workspace's data folder. ``port`` 0: the one it had before, else a free one. Raises UsageError.
    """
    module = _module(vendor, roots)
    with _alone(vendor, data) as place:
        if process.is_running(place):
            _refuse_other_data(place, books)
            if not books.fresh and port in (0, place.port):
                return _standing(module, place)
            say(tr("Stopping the server that runs"))
            process.stop(place)
        moved = replace(place, port=process.free_port(port or place.port))
        _install(module, moved, books, say)
        say(tr("Starting {title} on {url}", title=module.TITLE, url=moved.url))
        process.start(moved, module.command(moved))
        return _standing(module, moved)


def install(vendor: str, data: Path, books: Books, roots: Roots, say: Say) -> None:
    """Install what is missing and make the books, and start nothing. Raises UsageError, PackagesMissing."""
    module = _module(vendor, roots)
    with _alone(vendor, data) as place:
        _install(module, place, books, say)


def down(vendor: str, data: Path, roots: Roots) -> bool:
    """Stop the server; whether it ran. Raises UsageError."""
    _module(vendor, roots)
    with _alone(vendor, data) as place:
        return process.stop(place)


def status(vendor: str, data: Path, roots: Roots) -> Standing:
    """How the vendor's server stands. Raises UsageError."""
    return _standing(_module(vendor, roots), _place(vendor, data))


def _module(vendor: str, roots: Roots) -> ModuleType:
    known = real_servers(roots)
    if vendor not in known:
        raise UsageError(
            "There is no real server of {vendor}. Real servers: {valid}.{guess}",
            vendor=vendor,
            valid=listed(known),
            guess=closest(vendor, known),
        )
    module = code.module(FOLDER, vendor, MODULE)
    assert module is not None
    return module


def _place(vendor: str, data: Path) -> Place:
    place = Place(vendor, data / "real" / vendor)
    return replace(place, port=place.state().get("port") or 0)


@contextmanager
def _alone(vendor: str, data: Path) -> Iterator[Place]:
    """The place, with nobody else at work on it. Raises UsageError."""
    folder = data / "real" / vendor
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            "{folder} cannot be made: {why}. Choose a workspace you may write to.", folder=folder, why=error.strerror
        ) from None
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            "Another command is at work on the server of {vendor}. Wait until it has ended, then try again.",
            vendor=vendor,
        ) from None
    try:
        place = _place(vendor, data)
        _refuse_orphans(place)
        yield place
    finally:
        lock.release()


def _refuse_orphans(place: Place) -> None:
    if place.is_at_work():
        raise UsageError(
            "A command that was killed has left its installation of {vendor} at work in {folder}. Wait until that has "
            "ended, then try again.",
            vendor=place.vendor,
            folder=place.folder,
        )


def _refuse_other_data(place: Place, books: Books) -> None:
    if place.books.exists() and not books.fresh and not books.fits(place):
        raise UsageError(
            "The server of {vendor} holds the books of other sample data. Make new ones, and lose those, with "
            "--fresh; or leave --orders and --seed as they were.",
            vendor=place.vendor,
        )


def _install(module: ModuleType, place: Place, books: Books, say: Say) -> None:
    """Python packages and books one after the other, what npm brings beside them."""
    if module.PACKAGES is not None:
        packages.require_npm()
    with ThreadPoolExecutor(1) as beside:
        npm = beside.submit(packages.install_npm, place, module.PACKAGES) if module.PACKAGES is not None else None
        if not packages.is_installed(place, module.REQUIREMENTS):
            say(
                tr(
                    "Installing {title} {version} into {folder}",
                    title=module.TITLE,
                    version=module.VERSION,
                    folder=place.folder,
                )
            )
        packages.install_python(place, module.REQUIREMENTS, getattr(module, "PYTHON", OURS))
        _install_client(module, place, say)
        _keep_books(module, place, books, say)
        if npm is not None:
            npm.result()


def _install_client(module: ModuleType, place: Place, say: Say) -> None:
    """The desktop client, where the vendor has one and this machine can show it."""
    requirements = getattr(module, "CLIENT", None)
    if requirements is None:
        return
    if packages.has_gtk():
        packages.install_client(place, requirements)
    else:
        say(
            tr(
                "The desktop client is left out, it needs GTK: apt-get install -y python3-gi python3-gi-cairo "
                "gir1.2-gtk-3.0 librsvg2-common"
            )
        )


def _keep_books(module: ModuleType, place: Place, books: Books, say: Say) -> None:
    """The books of these data: those that are there, unless they are to be fresh. Raises UsageError."""
    _refuse_other_data(place, books)
    seeded, making = place.folder / _SEEDED, _making(module)
    if not books.are_kept(place, making):
        data = sample_data(books.chosen, books.seed)
        place.note(books=None)
        for folder in (place.books, seeded):
            shutil.rmtree(folder, ignore_errors=True)
        place.books.mkdir()
        say(tr("Making the database and its sample data (about a minute)"))
        try:
            module.seed(place, data)
        except BaseException:
            shutil.rmtree(place.books)
            raise
        place.books.rename(seeded)
        place.note(books=books.digest(), making=making)
    if books.fresh or not place.books.exists():
        shutil.rmtree(place.books, ignore_errors=True)
        shutil.copytree(seeded, place.books)


def _making(module: ModuleType) -> str:
    """Changes with the vendor's code that makes its books."""
    sources = sorted(Path(str(module.__file__)).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(source.read_bytes() for source in sources)).hexdigest()


def _standing(module: ModuleType, place: Place) -> Standing:
    state, running = place.state(), process.is_running(place)
    installed = place.books.exists()
    about: dict[str, Any] = module.status(place) if installed else {}
    return Standing(
        vendor=place.vendor,
        title=f"{module.TITLE} {module.VERSION}",
        installed=installed,
        running=running,
        url=place.url if running else None,
        pid=state["pid"] if running else None,
        started_at=datetime.fromtimestamp(state["started_at"], UTC) if running else None,
        credentials=dict(module.CREDENTIALS),
        about=about,
    )
