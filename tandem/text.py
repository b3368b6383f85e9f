"""What a person reads, in their language: the option's, else that of TANDEM_LANG, the workspace's or the locale's.

Every message is an English template with named fields; ``tr`` looks the template up in the catalogue of the
chosen language (``tandem/locale/<language>.po``, gettext format) and falls back to English.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from io import BytesIO
from pathlib import Path

LANGUAGES = ("en", "zh")
VARIABLE = "TANDEM_LANG"
_LOCALE = Path(__file__).parent / "locale"
_chosen: list[str] = []
_spoken: ContextVar[str | None] = ContextVar("spoken", default=None)


def use_language(language: str) -> None:
    """Choose the language of all messages of this process: one of LANGUAGES."""
    _chosen[:] = [language]


@contextmanager
def speaking(language: str | None) -> Iterator[None]:
    """Meanwhile this task's messages are in this language; None: in that of the process."""
    token = _spoken.set(language)
    try:
        yield
    finally:
        _spoken.reset(token)


def language() -> str:
    """That of the task, else the chosen one; until one is chosen, that of TANDEM_LANG, LC_ALL or LANG, else English."""
    if (spoken := _spoken.get()) is not None:
        return spoken
    if _chosen:
        return _chosen[0]
    named = os.environ.get(VARIABLE) or os.environ.get("LC_ALL") or os.environ.get("LANG") or ""
    return "zh" if named.lower().startswith("zh") else "en"


def prefer_language(language: str) -> None:
    """Choose the language of a workspace, unless the environment names one."""
    if not os.environ.get(VARIABLE):
        use_language(language)


def tr(template: str, /, **fields: object) -> str:
    """The template in the chosen language, its ``{fields}`` filled in. Fields are text: their braces are kept."""
    chosen = language()
    found = template if chosen == "en" else _catalogue(chosen).get(template, template)
    return found.format(**fields) if fields else found


def listed(names: Iterable[str]) -> str:
    """Several names as one text, ``none`` when there are none."""
    return ", ".join(names) or tr("none")


def phrase(text: str) -> str:
    """Mark a text as translated. It is kept in English and becomes part of an error, as its ``why`` or ``what``."""
    return text


@cache
def _catalogue(chosen: str) -> dict[str, str]:
    from babel.messages.pofile import read_po

    path = _LOCALE / f"{chosen}.po"
    if not path.exists():
        return {}
    messages = read_po(BytesIO(path.read_bytes()), locale=chosen)
    return {str(entry.id): str(entry.string) for entry in messages if entry.id and entry.string}
