"""What a user is told when a program of the desktop is not installed: one sentence with the command to run."""

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from tandem.channels.desktop.driver import DriverRefusal
from tandem.channels.desktop.ocr import Ocr
from tandem.channels.desktop.refusals import not_sent
from tandem.channels.desktop.x11.driver import X11Driver
from tandem.errors import NotOffered

pytestmark = pytest.mark.desktop
PACKAGES = {"Xvfb": "xvfb", "openbox": "openbox", "dbus-daemon": "dbus", "setpriv": "util-linux"}


@pytest.mark.parametrize("program", PACKAGES)
async def test_program_that_is_not_installed_is_named_with_its_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    for other in PACKAGES.keys() - {program}:
        (tmp_path / other).symlink_to(str(shutil.which(other)))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DriverRefusal) as refused:
        await X11Driver.on(None, (800, 600))
    told = str(not_sent(refused.value, system="erp", screen="start"))
    assert told.startswith("erp cannot be used by its desktop client: a program of the desktop is missing.")
    assert told.endswith(f"Run: apt-get install -y {PACKAGES[program]}")


@pytest.mark.parametrize(
    ("name", "told"), [("PATH", "tesseract is not installed"), ("TESSDATA_PREFIX", "English data is missing")]
)
async def test_numbers_are_not_read_without_tesseract_or_its_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, told: str
) -> None:
    monkeypatch.setitem(os.environ, name, str(tmp_path))
    with pytest.raises(NotOffered, match=rf"{told}.*apt-get install -y tesseract-ocr"):
        await Ocr().numbers([np.full((20, 60, 3), 255, np.uint8)])
