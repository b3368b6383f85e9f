"""A workspace: a folder with ``tandem.yaml``, over what comes with Tandem."""

from functools import cached_property
from pathlib import Path

from tandem import document
from tandem.document import Document, closest
from tandem.errors import UsageError
from tandem.text import listed
from tandem.workspace import code, cross_reference
from tandem.workspace.bot import bots
from tandem.workspace.configuration import TANDEM, Configuration, SystemBlock
from tandem.workspace.cross_reference import CrossReferences
from tandem.workspace.roots import FILE, Roots
from tandem.workspace.vendor import Vendor, vendor_named


class Workspace:
    """One workspace. Making it lets imports of vendors and bots find its own code first."""

    def __init__(self, folder: Path, configuration: Configuration, file: Document) -> None:
        self.folder, self.configuration, self.file = folder, configuration, file
        self.roots = Roots.of(folder)
        code.overlay(self.roots)
        self._vendors: dict[str, Vendor] = {}

    @classmethod
    def load(cls, folder: Path) -> "Workspace":
        """The workspace in this folder. Raises WorkspaceError for the first mistake in its tandem.yaml."""
        file = TANDEM.load(folder / FILE)
        return cls(folder.resolve(), document.validated(file, Configuration), file)

    @property
    def data(self) -> Path:
        """Where the workspace keeps what it makes: store, evidence, keys, logs. Never to be committed."""
        return self.folder / "data"

    @property
    def store_path(self) -> Path | None:
        """The file of an embedded store; None when a server keeps it."""
        store = self.configuration.store
        return store.path(self.folder) if store.is_file else None

    @property
    def evidence_folder(self) -> Path:
        return self.data / "evidence"

    @property
    def vault_key_path(self) -> Path:
        return self.data / "vault.key"

    @property
    def log_file(self) -> Path | None:
        file = self.configuration.log.file
        return None if file is None else self.folder / file

    @cached_property
    def cross_references(self) -> CrossReferences:
        """The user's table. Raises WorkspaceError."""
        return cross_reference.of_workspace(self.folder)

    def system(self, name: str) -> SystemBlock:
        """What tandem.yaml says of a system. Raises UsageError."""
        systems = self.configuration.systems
        if name not in systems:
            raise UsageError(
                "There is no system {name} in {file}. Systems: {valid}.{guess}",
                name=name,
                file=self.folder / FILE,
                valid=listed(systems),
                guess=closest(name, list(systems)),
            )
        return systems[name]

    def vendor(self, name: str) -> Vendor:
        """The vendor of that name. Raises UsageError, WorkspaceError."""
        if name not in self._vendors:
            self._vendors[name] = vendor_named(name, self.roots)
        return self._vendors[name]

    def bots(self) -> list[str]:
        """The names of all bots, ours included."""
        return list(bots(self.roots))
