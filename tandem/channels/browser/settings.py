"""The ``browser:`` block of a system in tandem.yaml."""

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr

from tandem.channels.notation import Notation
from tandem.channels.selectors import Strict
from tandem.http.settings import WebAddress


class BrowserSettings(Strict):
    """How to reach and read a system's web screens.

    ``notation`` is the number and day format of the user we log in as. ``pages``: how many work at a time.
    """

    url: WebAddress
    username: str
    password: SecretStr
    language: Literal["en", "zh"] = "en"
    notation: Notation = Notation()
    pages: int = Field(default=2, ge=1, le=16)
    timeout_s: float = Field(default=10.0, gt=0)
    executable: Path | None = None
    headless: bool = True
