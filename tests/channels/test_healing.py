"""Patches of selector files: the candidate that found the element comes first, everything else stays as it stands."""

from pathlib import Path

import pytest

from tandem.channels.healing import patch_of
from tandem.channels.library import Screens
from tandem.channels.screen import Target
from tandem.channels.selectors import BrowserCandidate

OWN = """\
# The order form.
format: 1
screen: order
include: [shared]
elements:
  customer: [{label: [Customer, 客户]}, {css: "[data-field='{{ settings.field }}']"}]   # required
  note:
    find:
      - {label: Note}      # until 2025
      - {css: textarea}    # since then
    personal: true
tables:
  items:
    rows: {css: tr}
    columns:
      price: {find: [{header: Price}, {css: .price}], kind: number}
"""
SHARED = """\
format: 1
screen: shared
messages:
  box: {find: [{role: alertdialog}, {css: .box}], meanings: [{pattern: 'locked', error: document_locked}]}
"""


@pytest.fixture
def screens(tmp_path: Path) -> Screens:
    folder = tmp_path / "selectors" / "acme"
    folder.mkdir(parents=True)
    (folder / "order.yaml").write_text(OWN, encoding="utf-8")
    (folder / "shared.yaml").write_text(SHARED, encoding="utf-8")
    return Screens([folder], "browser")


def patched(screens: Screens, name: str) -> list[str]:
    """The lines that a patch takes out and puts in, for the second candidate."""
    diff = patch_of(screens, target(name), 1)
    assert diff is not None
    return [line for line in diff.splitlines() if line[0] in "+-"]


def target(name: str) -> Target:
    """As a recording has it: templates filled in, which must not get into the file."""
    return Target("order", name, (BrowserCandidate(css="a"), BrowserCandidate(css="[data-field='KUNNR']")))


def test_candidate_changes_places_and_its_template_and_comment_stay(screens: Screens) -> None:
    label, css = "{label: [Customer, 客户]}", "{css: \"[data-field='{{ settings.field }}']\"}"
    assert patched(screens, "customer") == [
        "--- selectors/acme/order.yaml",
        "+++ selectors/acme/order.yaml",
        f"-  customer: [{label}, {css}]   # required",
        f"+  customer: [{css}, {label}]   # required",
    ]


def test_lines_of_a_list_move_with_their_comments(screens: Screens) -> None:
    moved = patched(screens, "note")[2:]
    assert [" ".join(line.split()) for line in moved] == [
        "+ - {css: textarea} # since then",
        "- - {css: textarea} # since then",
    ]


def test_column_of_a_table_is_patched(screens: Screens) -> None:
    assert patched(screens, "items.price")[3] == "+      price: {find: [{css: .price}, {header: Price}], kind: number}"


def test_message_is_patched_in_the_file_that_is_included(screens: Screens) -> None:
    assert patched(screens, "box")[1:] == [
        "+++ selectors/acme/shared.yaml",
        "-  box: {find: [{role: alertdialog}, {css: .box}], meanings: [{pattern: 'locked', error: document_locked}]}",
        "+  box: {find: [{css: .box}, {role: alertdialog}], meanings: [{pattern: 'locked', error: document_locked}]}",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "elements: [",
        "elements: [a]",
        "elements: {customer: a}",
        "elements: {customer: [{css: a}]}\n",
        "elements: {}\n",
    ],
)
def test_file_that_has_changed_meanwhile_gets_no_patch(screens: Screens, text: str) -> None:
    screens.screen("order")
    screens.path("order").write_text(text, encoding="utf-8")
    assert patch_of(screens, target("customer"), 1) is None
