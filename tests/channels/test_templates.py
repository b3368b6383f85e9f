"""Templates of recordings: sandboxed and strict."""

import pytest
from jinja2 import TemplateError

from tandem.channels.templates import build, evaluate, render


def test_missing_name_is_a_mistake_not_an_empty_text() -> None:
    with pytest.raises(TemplateError, match="'order' is undefined"):
        render("{{ order }}", {})
    with pytest.raises(TemplateError, match="undefined"):
        evaluate("order", {})


def test_inner_workings_of_python_are_out_of_reach() -> None:
    with pytest.raises(TemplateError):
        render("{{ text.__class__.__mro__ }}", {"text": "a"})


def test_lone_expression_keeps_its_type_and_mixed_text_does_not() -> None:
    assert build({"rows": "{{ rows }}", "name": "n-{{ rows[0] }}"}, {"rows": [1, 2]}) == {"rows": [1, 2], "name": "n-1"}


def test_two_expressions_in_one_text_stay_text() -> None:
    assert build("{{ a }}{{ b }}", {"a": 1, "b": 2}) == "12"


def test_braces_in_a_value_are_not_read_as_a_template() -> None:
    assert render("{{ name }}", {"name": "{{ secret }}"}) == "{{ secret }}"
