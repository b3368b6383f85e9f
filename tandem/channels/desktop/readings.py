"""What was read in the last pictures of a program, and, of one that resembles them, only what has changed."""

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from tandem.channels.desktop.driver import Box, Picture
from tandem.channels.desktop.ocr import ENLARGED_BELOW_PX, Ocr, Word
from tandem.channels.desktop.picture import cut
from tandem.channels.desktop.strips import changed, is_cut_off

_REMEMBERED = 8
_LARGEST_SHARE = 0.5
"""Where more of a picture has changed, it is read as a whole."""


@dataclass(frozen=True)
class Reading:
    """The words of a picture; ``whole``: all of it was searched for them."""

    picture: Picture
    words: list[Word]
    whole: bool


class Readings:
    """Remembers the last pictures by their pixels."""

    def __init__(self, ocr: Ocr) -> None:
        self._ocr = ocr
        self._last: OrderedDict[bytes, Reading] = OrderedDict()

    async def whole(self, picture: Picture) -> list[Word]:
        """Every text of the picture."""
        known = self._last.get(digest(picture))
        if known is not None and known.whole:
            return known.words
        return self._remembered(picture, await self._ocr.words(picture), whole=True)

    async def partial(self, picture: Picture) -> list[Word]:
        """What was read in the remembered picture that resembles it most and still stands there, and what has changed.

        Nothing where none resembles it enough. The engine, which weighs each place by all that it sees, finds a little
        more or less in a strip than in the whole: what is missing here may be shown.
        """
        known = self._last.get(digest(picture))
        if known is not None:
            return known.words
        nearest = self._nearest(picture)
        if nearest is None:
            return []
        before, strips = nearest
        kept = [word for word in before.words if not any(_meet(word.box, strip) for strip in strips)]
        located = [word for strip in strips for word in await self._located(picture, strip)]
        return self._remembered(picture, [*kept, *located], whole=False)

    def _nearest(self, picture: Picture) -> tuple[Reading, list[Box]] | None:
        """The reading of which the least has changed, and the strips in which it has."""
        if min(picture.shape[:2]) < ENLARGED_BELOW_PX:
            return None
        alike = [reading for reading in self._last.values() if reading.picture.shape == picture.shape]
        strips = [changed(each.picture, picture, [word.box for word in each.words]) for each in alike]
        found = min(zip(alike, strips, strict=True), key=lambda pair: _height(pair[1]), default=None)
        return None if found is None or _height(found[1]) > picture.shape[0] * _LARGEST_SHARE else found

    async def _located(self, picture: Picture, strip: Box) -> list[Word]:
        """The texts of a strip that stand in it as a whole, by their places in the picture."""
        words = await self._ocr.strip(cut(picture, strip))
        whole = [word for word in words if not is_cut_off(word.box, strip, picture.shape[0])]
        return [Word(word.text, word.box.moved(strip.x, strip.y)) for word in whole]

    def _remembered(self, picture: Picture, words: Sequence[Word], *, whole: bool) -> list[Word]:
        self._last[digest(picture)] = reading = Reading(picture, list(words), whole)
        while len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return reading.words


def digest(picture: Picture) -> bytes:
    return hashlib.blake2b(picture.tobytes() + str(picture.shape).encode(), digest_size=16).digest()


def _height(strips: Sequence[Box]) -> int:
    return sum(strip.height for strip in strips)


def _meet(one: Box, other: Box) -> bool:
    return one.y < other.bottom and other.y < one.bottom
