"""The SAP messages of the sandbox: every one has a code and a text in both languages."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from fixtures.sap_s4hana import messages
from fixtures.sap_s4hana.messages import SapMessage

TABLE = YAML(typ="safe").load(Path(messages.__file__).with_suffix(".yaml"))
PLACEHOLDER = re.compile(r"\{\d\}")


@pytest.mark.parametrize("name", TABLE)
def test_message_says_the_same_variables_in_both_languages(name: str) -> None:
    placeholders = [sorted(PLACEHOLDER.findall(TABLE[name][language])) for language in ("en", "zh")]
    assert placeholders[0] == placeholders[1]
    values = tuple(f"v{number}" for number in range(len(placeholders[0])))
    message = SapMessage(name, values)
    for language in ("en", "zh"):
        assert all(value in message.text(language) for value in values)


@pytest.mark.parametrize("name", TABLE)
def test_message_has_a_class_and_a_three_digit_number_of_its_own(name: str) -> None:
    code = SapMessage(name).code
    assert re.fullmatch(r"[A-Z0-9]{1,20}/\d{3}", code)
    assert [other for other in TABLE if TABLE[other]["code"] == code] == [name]
