"""Every sentence a user may read has a Chinese translation with the same fields."""

import ast
import string
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import httpx
import pytest
from babel.messages.pofile import read_po
from pydantic import TypeAdapter, ValidationError

import tandem.errors
from fixtures.sandbox.kinds import KINDS
from tandem.document import closest
from tandem.errors import TandemError
from tandem.http.outcome import Call, of_failure
from tandem.http.settings import WebAddress
from tandem.misfit import why
from tandem.text import language, tr, use_language
from tandem.triggers.duration import Duration
from tandem.triggers.settings import CronExpression, Zone

ROOT = Path(__file__).parent.parent
PO = ROOT / "tandem" / "locale" / "zh.po"
WRITERS = {"tr", "mistake", "in_file", "phrase", "Row", "refused", "tell"}
"""Functions that take a template: as their first argument, or as the first that is a text."""
_PREFIX = {"mistake": "{file}:{line}: ", "in_file": "{file}: "}


def error_names() -> set[str]:
    classes = vars(tandem.errors).values()
    return {each.__name__ for each in classes if isinstance(each, type) and issubclass(each, Exception)}


def templates(path: Path) -> Iterator[tuple[str, int]]:
    """The literal templates in a file, with their lines.

    A template is the first text given to one of WRITERS or to an error, or to any call that fills its fields by name
    (an error whose class is a variable); or it stands first in a pair, its fields second.
    """
    named = WRITERS | error_names()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            found = next((text for argument in node.args if (text := _text(argument)) is not None), None)
            if found and (_name(node.func) in named or _is_filled(found, node)):
                yield _PREFIX.get(_name(node.func), "") + found, node.lineno
        elif isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[1], ast.Dict):
            first = _text(node.elts[0])
            if first is not None and fields(first):
                yield _PREFIX["mistake"] + first, node.lineno


def _is_filled(template: str, call: ast.Call) -> bool:
    names = {keyword.arg for keyword in call.keywords if keyword.arg}
    try:
        return bool(fields(template)) and fields(template) <= names
    except ValueError:
        return False


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _text(argument: ast.expr) -> str | None:
    return argument.value if isinstance(argument, ast.Constant) and isinstance(argument.value, str) else None


def all_templates() -> dict[str, str]:
    """Template -> one place where it stands."""
    found: dict[str, str] = {}
    packages = [sorted((ROOT / package).rglob("*.py")) for package in ("tandem", "bots", "api_clients")]
    for path in [*chain(*packages), *sorted((ROOT / "fixtures" / "sandbox").glob("*.py")), ROOT / "fixtures/retail.py"]:
        for template, line in templates(path):
            found.setdefault(template, f"{path.relative_to(ROOT)}:{line}")
    for kind in KINDS.values():
        found |= dict.fromkeys(filter(None, (kind.meaning, kind.parameter)), "fixtures/sandbox/kinds.py")
    return found


def catalogue() -> dict[str, str]:
    with PO.open("rb") as file:
        return {str(entry.id): str(entry.string) for entry in read_po(file, locale="zh") if entry.id}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def test_every_template_is_translated() -> None:
    known = catalogue()
    missing = [f"{place}: {template}" for template, place in all_templates().items() if not known.get(template)]
    assert missing == [], f"{len(missing)} templates lack a translation in {PO.relative_to(ROOT)}"


def test_no_translation_is_left_over() -> None:
    known, used = catalogue(), all_templates()
    assert [template for template in known if template not in used] == []


def test_translations_have_the_fields_of_their_templates() -> None:
    wrong = [template for template, chinese in catalogue().items() if fields(chinese) != fields(template)]
    assert wrong == []


def test_sentence_is_shown_in_the_chosen_language() -> None:
    before = language()
    use_language("zh")
    try:
        assert tr("field") == "字段"
    finally:
        use_language(before)


@pytest.mark.parametrize(
    ("model", "value", "told"),
    [
        (TypeAdapter(Duration), "10x", "'10x' 不是时长，例如 30s、5m、6h 或 2d"),
        (TypeAdapter(Zone), "Asia/Shangai", "'Asia/Shangai' 不是时区，例如 Asia/Shanghai"),
        (TypeAdapter(CronExpression), "2 *", "'2 *' 有 2 个字段，而 cron 须有五个：分 时 日 月 星期"),
        (TypeAdapter(WebAddress), "erp", "'erp' 不是地址，例如 https://erp.example.com"),
    ],
)
def test_value_of_a_workspace_file_is_refused_in_the_chosen_language(
    model: TypeAdapter[object], value: str, told: str
) -> None:
    before = language()
    use_language("zh")
    try:
        with pytest.raises(ValidationError) as caught:
            model.validate_python(value)
    finally:
        use_language(before)
    assert why(caught.value.errors()[0]) == told


def test_near_word_is_asked_for_in_the_chosen_language() -> None:
    before = language()
    use_language("zh")
    try:
        assert closest("retrid", ["retried"]) == " 您是指 retried 吗？"
    finally:
        use_language(before)


def test_reason_within_a_sentence_is_shown_in_the_chosen_language() -> None:
    before = language()
    use_language("zh")
    try:
        lost = of_failure(httpx.ReadTimeout("x"), Call("erp", "http://erp", "GET", "/orders", safe=True))
        assert "没有及时应答" in str(lost)
        assert TandemError.restored(lost.recorded()).fields["why"] == "no answer in time"
    finally:
        use_language(before)
