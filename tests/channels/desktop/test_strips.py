"""Which part of a picture is read anew when it resembles one that was read."""

import numpy as np
import pytest

from tandem.channels.desktop.driver import Box
from tandem.channels.desktop.strips import changed, is_cut_off
from tests.channels.desktop.drawn import field, sheet

HEIGHT = 781


def test_what_looks_the_same_needs_no_strip() -> None:
    assert changed(sheet(1280, HEIGHT), sheet(1280, HEIGHT), []) == []


@pytest.mark.parametrize("y", [0, 3, 300, HEIGHT - 30])
def test_outside_the_strip_nothing_has_changed(y: int) -> None:
    before, now = sheet(1280, HEIGHT), sheet(1280, HEIGHT)
    field(now, 100, y, "17850")
    (strip,) = changed(before, now, [])
    assert (strip.x, strip.width, strip.height % 32) == (0, 1280, 0)
    assert strip.y == max(0, min(y - 32, HEIGHT - strip.height))
    assert 0 <= strip.y < strip.bottom <= HEIGHT
    now[strip.y : strip.bottom] = before[strip.y : strip.bottom]
    assert np.array_equal(now, before)


@pytest.mark.parametrize("text", [Box(20, 258, 80, 20), Box(20, 355, 80, 20), Box(20, 100, 80, 190)])
def test_text_at_a_border_is_in_the_strip_as_a_whole(text: Box) -> None:
    before, now = sheet(1280, HEIGHT), sheet(1280, HEIGHT)
    now[300, 640] = 0
    (bare,) = changed(before, now, [])
    assert not bare.y <= text.y < text.bottom <= bare.bottom
    (strip,) = changed(before, now, [text, Box(20, 500, 80, 20)])
    assert strip.y <= text.y - 12 < text.bottom + 12 <= strip.bottom < 500


def test_changes_far_apart_are_strips_of_their_own() -> None:
    before, now = sheet(1280, HEIGHT), sheet(1280, HEIGHT)
    now[100, 640] = now[110, 640] = now[600, 640] = 0
    first, second = changed(before, now, [])
    assert first.y <= 100 - 32
    assert 110 + 32 < first.bottom <= second.y <= 600 - 32


@pytest.mark.parametrize(
    ("strip", "text", "cut_off"),
    [
        (Box(0, 96, 1280, 64), Box(20, 20, 80, 20), False),
        (Box(0, 96, 1280, 64), Box(20, 1, 80, 20), True),
        (Box(0, 96, 1280, 64), Box(20, 43, 80, 20), True),
        (Box(0, 0, 1280, 64), Box(20, 0, 80, 20), False),
        (Box(0, 717, 1280, 64), Box(20, 43, 80, 20), False),
    ],
)
def test_text_at_the_border_of_a_strip_is_cut_off_but_not_at_that_of_the_picture(
    strip: Box, text: Box, cut_off: bool
) -> None:
    assert is_cut_off(text, strip, HEIGHT) is cut_off
