"""The screens and recordings of one vendor, from its folders: the user's first, ours second, file by file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.channels.recording import Recording
from tandem.channels.selectors import SCREEN_FILES, AnyScreenFile
from tandem.document import closest, read
from tandem.domain.operation import ChannelName
from tandem.errors import NotOffered, WorkspaceError
from tandem.text import listed


class Screens:
    """The screen files of one vendor for one channel. ``folders`` are its ``selectors/<vendor>`` folders."""

    def __init__(self, folders: Sequence[Path], channel: ChannelName) -> None:
        suffix, self._model = SCREEN_FILES[channel]
        self._paths = _overlaid(folders, suffix)
        self._loaded: dict[str, AnyScreenFile] = {}

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(sorted(self._paths))

    def path(self, name: str) -> Path:
        """The file of a screen. Raises WorkspaceError for a screen nobody describes."""
        try:
            return self._paths[name]
        except KeyError:
            raise WorkspaceError(
                "There is no screen {name}. Known screens: {valid}.{guess}",
                name=name,
                valid=listed(self.names),
                guess=closest(name, self.names),
            ) from None

    def screen(self, name: str) -> AnyScreenFile:
        """The screen with everything it includes. Raises WorkspaceError."""
        if name not in self._loaded:
            own: AnyScreenFile = read(self.path(name), self._model)
            for other in own.include:
                own = _with(own, self.screen(other))
            self._loaded[name] = own
        return self._loaded[name]

    def has(self, name: str) -> bool:
        return name in self._paths


class Recordings:
    """The recordings of one vendor for one channel. ``folders`` are its ``recordings/<vendor>`` folders."""

    def __init__(self, folders: Sequence[Path], channel: ChannelName) -> None:
        self._channel = channel
        self._paths = _overlaid(folders, f".{channel}.yaml")
        self._loaded: dict[str, Recording] = {}

    @property
    def operations(self) -> tuple[str, ...]:
        return tuple(sorted(self._paths))

    def recording(self, operation: str) -> Recording:
        """The recording of an operation. Raises NotOffered when there is none, WorkspaceError when it is faulty."""
        if operation not in self._loaded:
            if operation not in self._paths:
                raise NotOffered(
                    "There is no {channel} recording of {operation}. Recorded: {valid}.",
                    channel=self._channel,
                    operation=operation,
                    valid=listed(self.operations),
                )
            self._loaded[operation] = read(self._paths[operation], Recording)
        return self._loaded[operation]


def _overlaid(folders: Sequence[Path], suffix: str) -> Mapping[str, Path]:
    """Name without suffix -> file; the first folder that has a file wins."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob(f"*{suffix}")):
            name = path.name.removesuffix(suffix)
            if not name.endswith(".desktop"):
                found.setdefault(name, path)
    return found


def _with(screen: AnyScreenFile, included: AnyScreenFile) -> AnyScreenFile:
    """The screen with the included one's parts where it has none of that name."""
    merged: dict[str, Any] = {
        part: {**getattr(included, part), **getattr(screen, part)} for part in ("elements", "tables", "messages")
    }
    return screen.model_copy(update=merged)
