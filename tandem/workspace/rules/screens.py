"""Rules of selectors and recordings: what a recording names must stand in the screens it opens."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import BaseModel

from tandem.channels.library import Screens
from tandem.channels.recording import LOGIN, Expect, ForEach, OnElement, Open, Press, ReadRows, Recording, Step, When
from tandem.channels.selectors import SCREEN_FILES, AnyScreenFile, DesktopScreenFile
from tandem.document import Document, mistake
from tandem.domain.operation import operation_named
from tandem.errors import WorkspaceError
from tandem.text import listed
from tandem.workspace.catalogue import BROWSER_SCREEN, DESKTOP_SCREEN, RECORDING
from tandem.workspace.formats import Examined, Format
from tandem.workspace.roots import Roots
from tandem.workspace.rules import templates
from tandem.workspace.rules.names import in_file, known_operations, misnamed, unknown
from tandem.workspace.vendor import vendor_named, vendors

_SCREEN_FORMATS: dict[str, Format[Any]] = {"browser": BROWSER_SCREEN, "desktop": DESKTOP_SCREEN}


@dataclass(frozen=True)
class _Described:
    """What a vendor's recordings may name: its screens by channel, each read once, and its settings if known."""

    screens: dict[str, Screens]
    settings: type[BaseModel] | None


def mistakes(roots: Roots) -> Iterator[WorkspaceError]:
    """Mistakes of every selector file and recording of every vendor."""
    known = vendors(roots)
    described = {vendor: _Described(screens_of(roots, vendor), _settings(roots, vendor)) for vendor in known}
    for folder, check in (("selectors", _of_screen), ("recordings", _of_recording)):
        for relative, path in roots.files(folder, ".yaml").items():
            place = PurePosixPath(relative)
            vendor = place.parts[0]
            if len(place.parts) != 2 or vendor not in known:
                yield in_file(
                    path,
                    "it lies in no vendor's folder. Vendors: {valid}. Move it to {folder}/<vendor>/.",
                    valid=listed(known),
                    folder=folder,
                )
                continue
            yield from check(path, described[vendor])


def screens_of(roots: Roots, vendor: str) -> dict[str, Screens]:
    """The screens of a vendor, by channel."""
    folders = roots.folders_of("selectors", vendor)
    return {"browser": Screens(folders, "browser"), "desktop": Screens(folders, "desktop")}


def _of_screen(path: Path, vendor: _Described) -> Iterator[WorkspaceError]:
    channel = "desktop" if path.name.endswith(SCREEN_FILES["desktop"][0]) else "browser"
    found = _SCREEN_FORMATS[channel].examine(path)
    if not isinstance(found, Examined):
        yield from found
        return
    file, screen = found.file, found.model
    name = path.name.removesuffix(SCREEN_FILES[channel][0])
    if screen.screen != name:
        yield misnamed(file, "screen", screen.screen, name)
    for index, other in enumerate(screen.include):
        if not vendor.screens[channel].has(other):
            yield unknown(file, ("include", index), f"{channel} screen", other, vendor.screens[channel].names)
    yield from _products(file, screen)
    if isinstance(screen, DesktopScreenFile):
        yield from _missing_images(file, screen)


def _products(file: Document, screen: AnyScreenFile) -> Iterator[WorkspaceError]:
    for name, table in screen.tables.items():
        for product, factors in table.products.items():
            for column in (product, *factors):
                if column not in table.columns:
                    at = ("tables", name, "products", product)
                    yield unknown(file, at, f"column of table {name}", column, list(table.columns))


def _missing_images(file: Document, screen: DesktopScreenFile) -> Iterator[WorkspaceError]:
    for name, element in screen.elements.items():
        for candidate in element.find:
            if candidate.image is not None and not (file.path.parent / candidate.image).is_file():
                yield mistake(
                    file,
                    ("elements", name),
                    "element {element} is found by the image {image}, which is not beside this file. Add it.",
                    element=name,
                    image=candidate.image,
                )


def _of_recording(path: Path, vendor: _Described) -> Iterator[WorkspaceError]:
    found = RECORDING.examine(path)
    if not isinstance(found, Examined):
        yield from found
        return
    file, recording, screens = found.file, found.model, vendor.screens[found.model.channel]
    name = f"{recording.operation}.{recording.channel}.yaml"
    if path.name != name:
        yield misnamed(file, "operation", f"{recording.operation} on channel {recording.channel}", path.stem)
    known = known_operations()
    if recording.operation not in (*known, LOGIN):
        yield unknown(file, ("operation",), "operation", recording.operation, (*known, LOGIN))
        return
    operation = None if recording.operation == LOGIN else operation_named(recording.operation)
    if operation is not None:
        yield from _commit_step(file, recording)
    yield from _Walk(file, screens).steps(recording.steps, ("steps",))
    yield from templates.mistakes(file, recording, operation, vendor.settings, screens)


def _settings(roots: Roots, vendor: str) -> type[BaseModel] | None:
    """The model of the vendor's settings; None when its manifest or code is faulty, which is told elsewhere."""
    try:
        return vendor_named(vendor, roots).settings_model
    except WorkspaceError:
        return None


def _commit_step(file: Document, recording: Recording) -> Iterator[WorkspaceError]:
    writes = operation_named(recording.operation).writes
    commits = any(getattr(step.act, "commit", False) for step in recording.all_steps())
    if writes and not commits:
        yield mistake(
            file,
            ("steps",),
            "{operation} writes, but no step says commit: true, so a lost answer would be taken for not sent. Mark the "
            "step that saves.",
            operation=recording.operation,
        )
    if commits and not writes:
        yield mistake(
            file,
            ("steps",),
            "{operation} only reads, but a step says commit: true. Remove it.",
            operation=recording.operation,
        )


@dataclass
class _Walk:
    """Goes through the steps of a recording and knows the screen each of them acts on."""

    file: Document
    screens: Screens
    page: AnyScreenFile | None = None

    def steps(self, steps: Sequence[Step], at: tuple[int | str, ...]) -> Iterator[WorkspaceError]:
        for index, step in enumerate(steps):
            yield from self._step(step, (*at, index, _key(step)))

    def _step(self, step: Step, at: tuple[int | str, ...]) -> Iterator[WorkspaceError]:
        act = step.act
        if isinstance(act, (Open, Expect)):
            yield from self._go_to(act.screen, at)
        elif isinstance(act, ReadRows):
            yield from self._table(act, at)
        elif isinstance(act, (OnElement, Press)) and act.element is not None:
            yield from self._element(act.element, at)
        elif isinstance(act, (ForEach, When)):
            if isinstance(act, When) and act.shown is not None:
                yield from self._element(act.shown, at)
            yield from self.steps(act.steps, (*at, "steps"))

    def _go_to(self, name: str, at: tuple[int | str, ...]) -> Iterator[WorkspaceError]:
        self.page = None
        if not self.screens.has(name):
            yield unknown(self.file, at, "screen", name, self.screens.names)
            return
        try:
            self.page = self.screens.screen(name)
        except WorkspaceError:
            return  # told where the screen's own file is checked

    def _element(self, name: str, at: tuple[int | str, ...]) -> Iterator[WorkspaceError]:
        if self.page is None:
            return
        cells = [f"{table}.{column}" for table, each in self.page.tables.items() for column in each.columns]
        valid = cells if "." in name else list(self.page.elements)
        if name not in valid:
            yield unknown(self.file, at, f"element of screen {self.page.screen}", name, valid)

    def _table(self, act: ReadRows, at: tuple[int | str, ...]) -> Iterator[WorkspaceError]:
        if self.page is None:
            return
        if act.table not in self.page.tables:
            yield unknown(self.file, at, f"table of screen {self.page.screen}", act.table, list(self.page.tables))
            return
        columns = list(self.page.tables[act.table].columns)
        for column in (act.columns or {}).values():
            if column not in columns:
                yield unknown(self.file, at, f"column of table {act.table}", column, columns)


def _key(step: Step) -> str:
    """The verb as it stands in the file."""
    alias = Step.model_fields[step.verb].alias
    return alias or step.verb
