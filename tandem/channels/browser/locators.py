"""From a candidate of a selector file to a Playwright locator."""

import re
from collections.abc import Iterable

from playwright.async_api import FrameLocator, Locator, Page

from tandem.channels.selectors import BrowserCandidate

Scope = Page | FrameLocator | Locator
_FIELD = "input, select, textarea"


def located(scope: Scope, candidate: BrowserCandidate) -> Locator:
    """All visible elements the candidate matches in the scope; for a ``header``, the cells under that heading."""
    return _matched(scope, candidate).filter(visible=True)


def _matched(scope: Scope, candidate: BrowserCandidate) -> Locator:
    if candidate.label is not None:
        return scope.get_by_label(_any_of(candidate.label))
    if candidate.role is not None:
        name = _any_of(candidate.name) if candidate.name else None
        return scope.get_by_role(candidate.role, name=name)  # type: ignore[arg-type]  # data, checked by Playwright
    if candidate.css is not None:
        return scope.locator(candidate.css)
    if candidate.test_id is not None:
        return scope.get_by_test_id(candidate.test_id)
    if candidate.text is not None:
        return scope.get_by_text(_any_of(candidate.text))
    if candidate.placeholder is not None:
        return scope.get_by_placeholder(_any_of(candidate.placeholder))
    return scope.locator(f"xpath={_cell_under(candidate.header or ())}")


def field_of(cell: Locator) -> Locator:
    """The one field inside a table's cell."""
    return cell.locator(_FIELD).filter(visible=True)


def _any_of(words: Iterable[str]) -> re.Pattern[str]:
    """Exactly one of these words; a label's asterisk or colon does not count."""
    return re.compile(rf"^\s*\*?\s*(?:{'|'.join(re.escape(word) for word in words)})\s*[*:：]?\s*$")


def _cell_under(words: Iterable[str]) -> str:
    """XPath, from a row, of the cell in the column whose heading is one of these words."""
    headed = " or ".join(f"normalize-space()={_quoted(word)}" for word in words)
    heading = f"ancestor::table[1]//th[{headed}]"
    return f"./*[self::td or self::th][{heading}][position()=count({heading}[1]/preceding-sibling::th)+1]"


def _quoted(word: str) -> str:
    if "'" not in word:
        return f"'{word}'"
    return "concat(" + ', "\'", '.join(f"'{part}'" for part in word.split("'")) + ")"
