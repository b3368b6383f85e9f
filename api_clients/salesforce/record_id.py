"""Record ids: 15 characters, or 18 with a checksum of the letters' case."""

import re
import string

_ID = re.compile(r"[0-9A-Za-z]{15}(?:[A-Z0-5a-z]{3})?")
_CHECKSUM = string.ascii_uppercase + "012345"


def is_id_of(prefix: str, text: str) -> bool:
    """Whether the text is the id of a record whose object has this key prefix; a wrong checksum is no id."""
    if not text.startswith(prefix) or _ID.fullmatch(text) is None:
        return False
    return len(text) == 15 or text[15:].upper() == _checksum(text[:15])


def _checksum(short: str) -> str:
    """One character for each five: which of them are capital letters, the first in the lowest bit."""
    groups = (short[start : start + 5] for start in (0, 5, 10))
    return "".join(
        _CHECKSUM[sum(1 << bit for bit, character in enumerate(group) if character.isupper())] for group in groups
    )
