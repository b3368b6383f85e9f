"""Reading pictures with two engines: RapidOCR locates and reads, Tesseract confirms numbers.

Measured 2026-11 on the sandbox's client at 96 dpi: RapidOCR 104 of 104 cells, Tesseract 78 of 78 numbers of one screen.
Both run on a thread of their own. RapidOCR takes no further one: with two, one of which often has nothing to do and
spins, a piece that is read in 26 ms costs 53 ms CPU, and a picture that is searched for text 1.9 s instead of 1.4.
"""

import asyncio
import shutil
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any, TypeVar

import cv2
import numpy as np

from tandem.channels.desktop.driver import Box, Picture
from tandem.errors import NotOffered

UNREADABLE = "\ufffd"
"""What is read where something stands that the engine cannot read: never an empty text."""
_MAGNIFIED_FOR_LINES = 2
MAGNIFICATIONS = (3, 4, 2)
"""At which Tesseract reads numbers: measured on one page, 1 of 20 was wrong at 3, none at 4. A lone 5 of DejaVu Sans at
13 pixels, the one of 47 numbers, is nothing to it at 3 and 4, and a 5 at 2."""
_REMEMBERED_PIECES = 4000
_LEAST_SCORE = 0.5
"""Pieces that are read with less certainty are icons and rules, or text that must be looked at enlarged."""
ENLARGED_BELOW_PX = 736
"""In a picture that is lower or narrower, the engine looks for text as if it were so high or wide."""
_GAP_PX = 60
_MARGIN_PX = 30
_TESSERACT = "--psm 6 -c tessedit_char_whitelist=0123456789.,-/"

Given = TypeVar("Given")
Result = TypeVar("Result")
_thread = ThreadPoolExecutor(1, "ocr")


@dataclass(frozen=True)
class Word:
    """One piece of text and where it stands in the picture."""

    text: str
    box: Box


class Ocr:
    """The two engines. They are loaded when first used (about 2 s) and shared by the process."""

    async def words(self, picture: Picture) -> list[Word]:
        """Every text of the picture, from top to bottom."""
        return await _on_thread(_words, picture)

    async def strip(self, picture: Picture) -> list[Word]:
        """The same of a strip of a picture: at the size that it has there, however low it is."""
        return await _on_thread(_words_of_strip, picture)

    async def lines(self, pictures: Sequence[Picture]) -> list[str]:
        """One line of text each."""
        return await _on_thread(_lines, list(pictures))

    async def numbers(self, pictures: Sequence[Picture], magnified: int = MAGNIFICATIONS[0]) -> list[str]:
        """One number (or day) each, read by Tesseract. Raises NotOffered when it is not installed."""
        return await _on_thread(partial(_numbers, magnified), list(pictures)) if pictures else []


async def _on_thread(work: Callable[[Given], Result], given: Given) -> Result:
    return await asyncio.get_running_loop().run_in_executor(_thread, work, given)


@cache
def _rapid() -> Any:
    return _engine()


@cache
def _rapid_for_strips() -> Any:
    return _engine(**{"Det.limit_side_len": 1, "Global.width_height_ratio": -1})


def _engine(**params: object) -> Any:
    from rapidocr import RapidOCR

    one_thread = {"EngineConfig.onnxruntime.intra_op_num_threads": 1}
    return RapidOCR(params={"Global.log_level": "critical", **one_thread, **params})


def _words(picture: Picture) -> list[Word]:
    return _read_by(_rapid(), picture)


def _words_of_strip(picture: Picture) -> list[Word]:
    return _read_by(_rapid_for_strips(), picture)


def _read_by(engine: Any, picture: Picture) -> list[Word]:
    """What the engine locates, read."""
    located = engine(picture, use_det=True, use_cls=False, use_rec=False).boxes
    found = []
    for corners in () if located is None else located:
        (left, top), (right, bottom) = (int(x) for x in corners.min(axis=0)), (int(x) for x in corners.max(axis=0))
        piece = picture[top:bottom, left:right]
        text = _text(piece.tobytes(), piece.shape) or UNREADABLE
        found.append(Word(text, Box(left, top, right - left, bottom - top)))
    return found


@lru_cache(_REMEMBERED_PIECES)
def _text(pixels: bytes, shape: tuple[int, ...]) -> str:
    """What is written in this piece. From one picture of a program to the next most pieces stay as they are."""
    return _read(np.frombuffer(pixels, np.uint8).reshape(shape), _LEAST_SCORE)


def _lines(pictures: Sequence[Picture]) -> list[str]:
    return [_read(_scaled(each, _MAGNIFIED_FOR_LINES)) or UNREADABLE for each in pictures]


def _read(line: Picture, least_score: float = 0.0) -> str:
    read = _rapid()(line, use_det=False, use_cls=False, use_rec=True)
    return str(read.txts[0]) if read.txts and read.scores[0] >= least_score else ""


def _numbers(magnified: int, pictures: Sequence[Picture]) -> list[str]:
    """All numbers in one run of the program: one below the other, black on white, enlarged."""
    import pytesseract

    if shutil.which("tesseract") is None:
        raise NotOffered(
            "The desktop channel cannot confirm numbers: tesseract is not installed. Run: apt-get install -y "
            "tesseract-ocr tesseract-ocr-eng"
        )
    drawn = [_black_on_white(_scaled(picture, magnified)) for picture in pictures]
    pitch = max(each.shape[0] for each in drawn) + _GAP_PX
    sheet, texts = _sheet(drawn, pitch), [""] * len(pictures)
    try:
        read = pytesseract.image_to_data(
            sheet, lang="eng", config=_TESSERACT, output_type=pytesseract.Output.DICT, timeout=60
        )
    except pytesseract.TesseractError as error:
        raise NotOffered(
            "The desktop channel cannot confirm numbers: tesseract failed ({why}). If its English data is missing, "
            "run: apt-get install -y tesseract-ocr-eng",
            why=f"status {error.status}",
        ) from None
    for text, top, height in zip(read["text"], read["top"], read["height"], strict=True):
        if text.strip():
            texts[(top + height // 2) // pitch] += text.strip()
    return [text or UNREADABLE for text in texts]


def _sheet(drawn: Sequence[Picture], pitch: int) -> Picture:
    """The pictures one below the other, ``pitch`` pixels apart."""
    width = max(each.shape[1] for each in drawn) + 2 * _MARGIN_PX
    sheet = np.full((pitch * len(drawn), width), 255, np.uint8)
    for number, each in enumerate(drawn):
        top = number * pitch + (pitch - each.shape[0]) // 2
        sheet[top : top + each.shape[0], _MARGIN_PX : _MARGIN_PX + each.shape[1]] = each
    return sheet


def _black_on_white(picture: Picture) -> Picture:
    grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)
    if np.median(grey) < 128:
        grey = cv2.bitwise_not(grey)
    return np.asarray(cv2.normalize(grey, np.empty_like(grey), 0, 255, cv2.NORM_MINMAX), np.uint8)


def _scaled(picture: Picture, factor: int) -> Picture:
    return np.asarray(cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC), np.uint8)
