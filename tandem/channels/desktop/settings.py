"""The ``desktop:`` block of a system in tandem.yaml."""

from typing import Literal

from pydantic import Field, SecretStr

from tandem.channels.notation import Notation
from tandem.channels.selectors import Strict

ANSWERS_WITHIN_S = 5.0


class DesktopSettings(Strict):
    """How to start and read a system's desktop client.

    ``command`` starts it; it must become the client's own process (no shell in between). ``display``: ``own`` makes
    one of ``width`` x ``height`` pixels, ``user`` takes the one we run on. ``notation`` is the number and day format
    of the user we log in as. ``answers_within_s``: a client that does nothing for longer is frozen; one that stands
    still while its server works needs as long as the server.
    """

    command: tuple[str, ...] = Field(min_length=1)
    username: str
    password: SecretStr
    environment: dict[str, str] = Field(default={})
    notation: Notation = Notation()
    display: Literal["own", "user"] = "own"
    width: int = Field(default=1280, ge=640, le=7680)
    height: int = Field(default=800, ge=480, le=4320)
    starts_within_s: float = Field(default=30.0, gt=0)
    answers_within_s: float = Field(default=ANSWERS_WITHIN_S, gt=0, le=50)
