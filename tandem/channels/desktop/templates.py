"""Elements found by a picture of them: grey, at several scales, and only where the words of the picture stand too.

A threshold alone presses the wrong button: measured 2026-11, one Chinese button scored 0.725 on another one, the
lowest true score was 0.876.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from tandem.channels.desktop.driver import Box, Picture
from tandem.channels.desktop.eyes import Eyes, folded
from tandem.channels.desktop.grid import Ambiguous
from tandem.errors import WorkspaceError

_LEAST_SCORE, _SAME_SCORE = 0.85, 0.99
_SCALES = tuple(float(scale) for scale in np.linspace(0.8, 1.5, 15))


class Templates:
    """The images of one vendor's selector folders."""

    def __init__(self, folders: Sequence[Path], eyes: Eyes) -> None:
        self._folders = folders
        self._eyes = eyes

    async def find(self, picture: Picture, name: str) -> Box | None:
        """Where the image is shown, None when it is not. Raises Ambiguous, WorkspaceError for a missing file."""
        template = self._load(name)
        matches = list(_matches(picture, template))
        size = (template.shape[1], template.shape[0])
        places = _distinct([each for each in matches if _is_itself(each, size)]) or _distinct(matches)
        whole = Box(0, 0, template.shape[1], template.shape[0])
        (wanted,) = await self._eyes.texts(template, [whole])
        read = await self._eyes.texts(picture, places)
        fitting = [place for place, text in zip(places, read, strict=True) if folded(text) == folded(wanted)]
        if len(fitting) > 1:
            raise Ambiguous
        return fitting[0] if fitting else None

    def _load(self, name: str) -> Picture:
        for folder in self._folders:
            path = folder / name
            if path.is_file():
                image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
                if image is not None:
                    return image  # type: ignore[return-value]
        raise WorkspaceError(
            "Image {name} is not in {folders}, or it is no picture. Put a PNG there.",
            name=name,
            folders=", ".join(str(folder) for folder in self._folders),
        )


def _matches(picture: Picture, template: Picture) -> Iterator[tuple[float, Box]]:
    grey, wanted = (cv2.cvtColor(each, cv2.COLOR_BGR2GRAY) for each in (picture, template))
    for scale in _SCALES:
        scaled = cv2.resize(wanted, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        height, width = scaled.shape
        if height > grey.shape[0] or width > grey.shape[1]:
            continue
        scores = cv2.matchTemplate(grey, scaled, cv2.TM_CCOEFF_NORMED)
        for y, x in np.argwhere(scores >= _LEAST_SCORE):
            yield float(scores[y, x]), Box(int(x), int(y), width, height)


def _is_itself(match: tuple[float, Box], size: tuple[int, int]) -> bool:
    """Whether the place shows the image as it is; what merely resembles it (a larger icon) is then not meant."""
    score, box = match
    return score >= _SAME_SCORE and (box.width, box.height) == size


def _distinct(matches: Sequence[tuple[float, Box]]) -> list[Box]:
    """The best match of each place."""
    kept: list[Box] = []
    for _, box in sorted(matches, reverse=True):
        x, y = box.centre
        if not any(other.x <= x <= other.right and other.y <= y <= other.bottom for other in kept):
            kept.append(box)
    return kept
