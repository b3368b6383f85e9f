"""Finds elements in the picture of a window: the field beside its label, the cell of a table, the text itself."""

import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tandem.channels.desktop.driver import Box, Picture
from tandem.channels.desktop.grid import Ambiguous, framed, heading_row, listed, number_place, series
from tandem.channels.desktop.ocr import MAGNIFICATIONS, UNREADABLE, Ocr, Word
from tandem.channels.desktop.picture import boxes, cut, ink, same
from tandem.channels.desktop.readings import Readings, digest
from tandem.channels.selectors import End, OcrLabel

_REMEMBERED_LINES = 2000
_REMEMBERED_TITLES, _REMEMBERED_LABELS = 16, 600
_FARTHEST_PX = 240
_LINE_PX = 40
_IGNORED = str.maketrans("", "", " .:：。·,，-_*")
_BUT_COLONS = str.maketrans("：", ":", " .。·,，-_*")
_ALIKE = str.maketrans({"0": "o", "1": "l", "i": "l", "|": "l", "！": "!", "×": "x"})


@dataclass(frozen=True)
class Grid:
    """The fields of a table as shown: ``rows`` of boxes, ``headings`` of the columns, the number of the first row.

    ``first`` counts from 0; rows without a number (beyond the end of a list) are left out. ``whole``: none is hidden.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[Box, ...], ...]
    first: int = 0
    whole: bool = False

    def column(self, words: Sequence[str]) -> int | None:
        """The column under one of these headings."""
        wanted = {folded(word) for word in words}
        found = [index for index, heading in enumerate(self.headings) if folded(heading) in wanted]
        if len(found) > 1:
            raise Ambiguous
        return found[0] if found else None


class Eyes:
    """Reads pictures of one program. What was read is remembered by the picture, labels by their look and place."""

    def __init__(self, ocr: Ocr) -> None:
        self.ocr = ocr
        self._readings = Readings(ocr)
        self._looks: OrderedDict[str, list[tuple[Word, Picture]]] = OrderedDict()
        self._lines: OrderedDict[bytes, str] = OrderedDict()
        self._framed: tuple[Picture, list[Box]] | None = None

    async def words(self, picture: Picture) -> list[Word]:
        """Every text of the picture."""
        return await self._readings.whole(picture)

    async def element(self, title: str, picture: Picture, wanted: OcrLabel) -> Box | None:
        """The inside of the labelled field, or the label's own place; ``title`` is the window's. Raises Ambiguous."""
        label = await self._label(title, picture, wanted.label)
        if label is None or wanted.side == "itself":
            return label
        fields = _SIDES[wanted.side](label, self._boxes(picture))
        return _without_icons(fields[wanted.skip], wanted.icons) if len(fields) > wanted.skip else None

    def know(self, title: str, picture: Picture, words: Sequence[str]) -> bool:
        """Whether one of these labels was read in this window before, and still stands there."""
        return bool(_whole(self._known(title, picture), words))

    async def texts(self, picture: Picture, places: Sequence[Box]) -> list[str]:
        """What is written in each place; "" only where there is no ink."""
        inks = [ink(cut(picture, place)) for place in places]
        await self._read_lines(
            [each for each, at in zip(inks, places, strict=True) if each is not None and not _tall(at)]
        )
        return [
            "" if each is None else await self._paragraph(each) if _tall(at) else self._lines[digest(each)]
            for each, at in zip(inks, places, strict=True)
        ]

    async def proven(self, picture: Picture, places: Sequence[Box]) -> list[str | None]:
        """Numbers and days that both engines read alike; None where they do not, "" only where there is no ink."""
        texts = await self.texts(picture, places)
        proven: list[str | None] = ["" if text == "" else None for text in texts]
        for magnified in MAGNIFICATIONS:
            open_ones = [index for index, text in enumerate(proven) if text is None]
            second = await self.numbers(picture, [places[index] for index in open_ones], magnified)
            for index, number in zip(open_ones, second, strict=True):
                proven[index] = texts[index] if agreed(texts[index], number) else None
        return proven

    async def numbers(self, picture: Picture, places: Sequence[Box], magnified: int = MAGNIFICATIONS[0]) -> list[str]:
        """The numbers and days in these places, by the second engine alone."""
        inks = [ink(cut(picture, place)) for place in places]
        read = iter(await self.ocr.numbers([each for each in inks if each is not None], magnified))
        return ["" if each is None else next(read) for each in inks]

    async def grid(self, picture: Picture, below: Box | None) -> Grid | None:
        """The table under this place, or the only one. Its rows are numbered on their left. Raises Ambiguous."""
        top = below.bottom if below is not None else 0
        rows = framed([box for box in self._boxes(picture) if box.y >= top])
        if rows is None:
            return None
        numbers = await self.texts(picture, [number_place(row[0]) for row in rows])
        numbered = [int(text) if text.isdecimal() else None for text in numbers]
        first = series(numbered)
        shown = rows if first is None else rows[: sum(1 for text in numbers if text)]
        over = [Box(box.x - 4, max(0, box.y - box.height - 4), box.width, box.height) for box in rows[0]]
        headings = await self.texts(picture, over)
        return Grid(tuple(headings), tuple(map(tuple, shown)), first or 0)

    async def listing(self, title: str, picture: Picture, heading: Sequence[str]) -> Grid | None:
        """The list without frames that has this heading. Raises Ambiguous, NotWhole."""
        label = await self._label(title, picture, heading)
        row = None if label is None else heading_row(picture, label)
        if row is None:
            return None
        headings = await self.texts(picture, row)
        return Grid(tuple(headings), tuple(map(tuple, listed(picture, row))), whole=True)

    async def _label(self, title: str, picture: Picture, words: Sequence[str]) -> Box | None:
        """Where one of the words stands: by what was read in this window before and still looks so, else read anew."""
        found = _whole(self._known(title, picture), words)
        if not found:
            found = await self._among_changes(title, picture, words) or await self._in_all(title, picture, words)
        if len(found) > 1:
            raise Ambiguous
        return found[0] if found else None

    async def _among_changes(self, title: str, picture: Picture, words: Sequence[str]) -> list[Box]:
        """Where one of the words stands, by what has changed since another picture was read, if it does exactly once.

        What is not read there, or less exactly, is left to a look at all of the picture.
        """
        wanted = {_with_colon(word) for word in words}
        read = await self._readings.partial(picture)
        found = [word.box for word in read if _with_colon(word.text) in wanted]
        if len(found) != 1:
            return []
        self._remember(title, picture, read)
        return found

    async def _in_all(self, title: str, picture: Picture, words: Sequence[str]) -> list[Box]:
        """Where one of the words stands in the picture as a whole."""
        read = await self.words(picture)
        if not _places(read, words):
            read = [*read, *await self._magnified(picture, read, words)]
        self._remember(title, picture, read)
        return _places(read, words)

    def _boxes(self, picture: Picture) -> list[Box]:
        """The boxes of the picture; those of the last one are remembered."""
        if self._framed is None or not same(self._framed[0], picture):
            self._framed = (picture, boxes(picture))
        return self._framed[1]

    def _known(self, title: str, picture: Picture) -> list[Word]:
        """What was read in this window before and still looks so."""
        known: list[Word] = []
        for word, look in self._looks.get(title, ()):
            read_again = any(_covers(other.box, word.box) for other in known)
            if not read_again and same(cut(picture, word.box), look):
                known.append(word)
        return known

    def _remember(self, title: str, picture: Picture, read: Sequence[Word]) -> None:
        """Beside what was seen in this window before: it may show that again when it is on another page."""
        now = [(word, cut(picture, word.box).copy()) for word in read]
        before = [seen for seen in self._looks.pop(title, []) if seen[0] not in read]
        self._looks[title] = [*now, *before][:_REMEMBERED_LABELS]
        while len(self._looks) > _REMEMBERED_TITLES:
            self._looks.popitem(last=False)

    async def _magnified(self, picture: Picture, read: Sequence[Word], words: Sequence[str]) -> list[Word]:
        """Those of the pieces that are one of the words when read enlarged.

        Measured 2026-11 on a dark theme: a label of two characters lost one in the picture as a whole, enlarged none.
        """
        wanted = {folded(word) for word in words}
        near = [
            word
            for word in read
            if word.text == UNREADABLE or any(abs(len(folded(word.text)) - len(each)) <= 1 for each in wanted)
        ]
        pairs = zip(await self.texts(picture, [word.box for word in near]), near, strict=True)
        return [Word(text, word.box) for text, word in pairs if folded(text) in wanted]

    async def _read_lines(self, inks: Sequence[Picture]) -> None:
        """Read what has not been read before."""
        unread = {digest(each): each for each in inks if digest(each) not in self._lines}
        for key, text in zip(unread, await self.ocr.lines(list(unread.values())), strict=True):
            self._lines[key] = text
        while len(self._lines) > max(_REMEMBERED_LINES, len(inks)):
            self._lines.popitem(last=False)

    async def _paragraph(self, picture: Picture) -> str:
        """Several lines as one; Chinese is joined without a space."""
        text = ""
        for word in sorted(await self.ocr.words(picture), key=lambda word: (word.box.centre[1] // 12, word.box.x)):
            glue = "" if not text or _wide(text[-1]) or _wide(word.text[:1]) else " "
            text += glue + word.text
        return text


def agreed(one: str, other: str) -> bool:
    """Whether both engines read the same number or day, spaces aside."""
    return re.sub(r"\s", "", one) == re.sub(r"\s", "", other)


def folded(text: str) -> str:
    """Text without what an engine may add, drop or mistake: width, case, spaces, dots, 0/O and 1/l/I."""
    return _folded(text, _IGNORED)


def _with_colon(text: str) -> str:
    return _folded(text, _BUT_COLONS)


def _without_icon(text: str) -> str:
    """What is left of a button's text when its icon was read as a sign before or after it."""
    return folded(re.sub(r"^\W+|\W+$", "", text))


def _folded(text: str, ignored: Mapping[int, int | None]) -> str:
    return unicodedata.normalize("NFKC", text).casefold().translate(ignored).translate(_ALIKE)


def _places(found: Sequence[Word], words: Sequence[str]) -> list[Box]:
    """Where one of the words stands as a whole; else where it does as part of a piece."""
    return _whole(found, words) or [box for word in found for box in [_within(word, words)] if box is not None]


def _whole(found: Sequence[Word], words: Sequence[str]) -> list[Box]:
    """Where one of the words stands, colon and all; else where it does colon or not; else beside an icon."""
    for fold in (_with_colon, folded, _without_icon):
        wanted = {fold(word) for word in words}
        places = [word.box for word in found if fold(word.text) in wanted]
        if places:
            return places
    return []


def _within(word: Word, words: Sequence[str]) -> Box | None:
    """The place of a label that was read as one piece with its neighbour, by the width of the characters.

    One with a colon begins its piece: ``State:`` is no part of ``Invoice State:``.
    """
    for each in words:
        start = word.text.find(each)
        if start > 0 and each.endswith((":", "：")):
            continue
        if start >= 0 and len(each) > 1:
            unit = word.box.width / max(1, _units(word.text))
            left = word.box.x + round(unit * _units(word.text[:start]))
            return Box(left, word.box.y, round(unit * _units(each)), word.box.height)
    return None


def _covers(one: Box, other: Box) -> bool:
    """Whether the middle of the other place is in the one."""
    x, y = other.centre
    return one.x <= x <= one.right and one.y <= y <= one.bottom


def _right_of(label: Box, fields: Sequence[Box]) -> list[Box]:
    middle = label.centre[1]
    beside = [box for box in fields if box.y <= middle <= box.bottom and 0 <= box.x - label.right + 6 < _FARTHEST_PX]
    return sorted(beside, key=lambda box: box.x)


def _below(label: Box, fields: Sequence[Box]) -> list[Box]:
    under = [box for box in fields if _over(box, label) and 0 <= box.y - label.bottom + 6 < _LINE_PX]
    return sorted(under, key=lambda box: box.y)


def _above(label: Box, fields: Sequence[Box]) -> list[Box]:
    over = [box for box in fields if _over(box, label) and 0 <= label.y - box.bottom + 6 < _LINE_PX]
    return sorted(over, key=lambda box: -box.y)


def _over(box: Box, label: Box) -> bool:
    return box.x <= label.centre[0] <= box.right


_SIDES: Mapping[str, Callable[[Box, Sequence[Box]], list[Box]]] = {
    "right": _right_of,
    "below": _below,
    "above": _above,
}
"""The fields on that side of a label, the nearest first."""


def _without_icons(field: Box, ends: Sequence[End]) -> Box:
    """The field without the squares at its ends in which a picture may stand."""
    left, right = (field.height if end in ends else 0 for end in ("left", "right"))
    return Box(field.x + left, field.y, max(1, field.width - left - right), field.height)


def _tall(place: Box) -> bool:
    return place.height > _LINE_PX


def _units(text: str) -> int:
    return sum(2 if _wide(character) else 1 for character in text)


def _wide(character: str) -> bool:
    return bool(character) and unicodedata.east_asian_width(character) in "WF"
