"""The language a user names."""

import os
import re

from tandem.errors import UsageError
from tandem.text import LANGUAGES, VARIABLE


def checked(language: str) -> str:
    """The language, if there is one of this name. Raises UsageError."""
    if language not in LANGUAGES:
        raise UsageError(
            "There is no language {language}. Valid values: {valid}.", language=language, valid=", ".join(LANGUAGES)
        )
    return language


def check_environment() -> None:
    """Raises UsageError when TANDEM_LANG names a language there is not; ``zh_CN.UTF-8`` is Chinese too."""
    named = os.environ.get(VARIABLE, "")
    if named and re.split("[-_.]", named.lower())[0] not in LANGUAGES:
        raise UsageError(
            "{variable} names the language {language}. Valid values: {valid}.",
            variable=VARIABLE,
            language=named,
            valid=", ".join(LANGUAGES),
        )
