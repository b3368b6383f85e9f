"""``docs/fidelity.md``: what it names is there."""

import ast
import json
import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs" / "fidelity.md").read_text(encoding="utf-8")
KINDS = ("real server", "foreign client", "recorded traffic", "published contract", "our reading only")
_TEST = re.compile(r"\[`(test_\w+)`\]\(\.\./(tests/[\w/]+\.py)\)")


def rows() -> list[list[str]]:
    """The cells of every line that says what was checked."""
    lines = [line for line in TEXT.splitlines() if _TEST.search(line)]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


@cache
def functions_of(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def npm_pins(project: str) -> dict[str, str]:
    package = json.loads((ROOT / project / "package.json").read_text(encoding="utf-8"))
    return dict(package["dependencies"])


def pypi_pins(file: str = "requirements/dev.txt") -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("row", rows(), ids=lambda row: row[0])
def test_line_has_a_kind_a_date_and_tests_that_are_there(row: list[str]) -> None:
    _, _, kind, day, shown_by = row
    assert kind in KINDS
    assert date.fromisoformat(day)
    assert {path: name for name, path in _TEST.findall(shown_by) if name not in functions_of(path)} == {}


def test_every_vendor_has_its_section() -> None:
    vendors = {path.parent.name for path in ROOT.glob("api_clients/*/vendor.yaml")}
    assert set(re.findall(r"^## (\S+)$", TEXT, re.MULTILINE)) == vendors


@pytest.mark.parametrize(
    ("named", "pinned"),
    [
        (r"SAP CAP ([\d.]+\d)", lambda: npm_pins("tests/foreign/cap")["@sap/cds"]),
        (r"OData V2 adapter ([\d.]+\d)", lambda: npm_pins("tests/foreign/cap")["@cap-js-community/odata-v2-adapter"]),
        (r"oidc-provider ([\d.]+\d)", lambda: npm_pins("tests/foreign/oidc")["oidc-provider"]),
        (r"Authlib ([\d.]+\d)", lambda: pypi_pins()["authlib"]),
        (r"simple-salesforce ([\d.]+\d)", lambda: pypi_pins()["simple-salesforce"]),
        (r"pyodata ([\d.]+\d)", lambda: pypi_pins()["pyodata"]),
        (r"trytond ([\d.]+\d)", lambda: pypi_pins("fixtures/tryton/server.txt")["trytond"]),
        (r"tryton ([\d.]+\d)", lambda: pypi_pins("fixtures/tryton/client.txt")["tryton"]),
        (r"tryton-sao ([\d.]+\d)", lambda: npm_pins("fixtures/tryton/sao")["tryton-sao"]),
        (r"django-crm-admin ([\d.]+\d)", lambda: pypi_pins("fixtures/django_crm/server.txt")["django-crm-admin"]),
    ],
)
def test_version_that_is_named_is_the_one_that_is_pinned(named: str, pinned) -> None:
    assert set(re.findall(named, TEXT)) == {pinned()}
