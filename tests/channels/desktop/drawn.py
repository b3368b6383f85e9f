"""Pictures of windows, drawn: a sheet, what is written on it, its fields."""

import cv2
import numpy as np

from tandem.channels.desktop.driver import Picture


def sheet(width: int = 640, height: int = 360, *, ground: int = 240) -> Picture:
    return np.full((height, width, 3), ground, np.uint8)


def write(picture: Picture, text: str, x: int, y: int, *, colour: int = 0) -> None:
    cv2.putText(picture, text, (x, y), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (colour,) * 3, 1, cv2.LINE_AA)


def field(picture: Picture, x: int, y: int, text: str = "", *, width: int = 120, height: int = 26) -> None:
    cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), (255, 255, 255), -1)
    cv2.rectangle(picture, (x, y), (x + width - 1, y + height - 1), (120, 120, 120), 1)
    write(picture, text, x + 6, y + 18)
