"""YAML documents: every mistake is told with file, line, wrong value and valid ones."""

from pathlib import Path

import pytest

from tandem.channels.recording import Recording
from tandem.channels.selectors import BrowserScreenFile
from tandem.document import load, mistakes, read
from tandem.errors import WorkspaceError

GOOD = """\
format: 1
operation: sales_order.create
channel: browser
steps:
  - open: sales_order.new
  - click: {element: save, commit: true}
"""


@pytest.fixture
def written(tmp_path: Path):
    def write(text: str | bytes) -> Path:
        path = tmp_path / "file.yaml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_valid_recording_has_no_mistakes(written) -> None:
    assert mistakes(load(written(GOOD)), Recording) == ()


def test_short_form_of_open_is_read_as_screen(written) -> None:
    recording = read(written(GOOD), Recording)
    assert recording.steps[0].open.screen == "sales_order.new"


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (("channel: browser", "channel: brwoser"), ":3: channel is 'brwoser'. Valid values: browser, desktop."),
        (("format: 1", "format: 2"), ":1: format is 2. Valid values: 1."),
        (("  - click:", "  - clik:"), ":6: steps.1.clik is not a known key. Valid keys: open, expect, fill,"),
        (
            ("commit: true", "comit: true"),
            "steps.1.click.comit is not a known key. Valid keys: element, row, double, commit.",
        ),
        (("operation: sales_order.create\n", ""), "the key operation is missing"),
        (("{element: save, commit: true}", "{element: save, commit: perhaps}"), "steps.1.click.commit is 'perhaps'"),
    ],
)
def test_mistake_is_told_with_line_and_valid_values(written, wrong: tuple[str, str], told: str) -> None:
    (sentence, *_) = [str(error) for error in mistakes(load(written(GOOD.replace(*wrong))), Recording)]
    assert told in sentence


def test_misspelt_key_is_answered_with_the_nearest_one(written) -> None:
    (error,) = mistakes(load(written(GOOD.replace("commit", "comit"))), Recording)
    assert str(error).endswith("Did you mean commit?")


def test_misspelt_key_in_a_loop_is_told_at_its_own_line(written) -> None:
    text = GOOD + "  - for_each:\n      in: order.lines\n      as: line\n      steps:\n        - press: {kyes: Enter}\n"
    found = [str(error) for error in mistakes(load(written(text)), Recording)]
    assert any(
        ":11: steps.2.for_each.steps.0.press.kyes is not a known key. Valid keys: keys" in line for line in found
    )


def test_all_mistakes_are_found_not_only_the_first(written) -> None:
    text = GOOD.replace("browser", "web").replace("commit", "comit")
    assert len(mistakes(load(written(text)), Recording)) == 2


def test_two_verbs_in_one_step_are_refused(written) -> None:
    text = GOOD.replace("- open: sales_order.new", "- open: sales_order.new\n    expect: home")
    (error,) = mistakes(load(written(text)), Recording)
    assert "a step has one verb" in str(error)
    assert "here: expect, open" in str(error)


def test_broken_template_is_told_before_anything_runs(written) -> None:
    text = GOOD + '  - fill: {element: name, value: "{{ order. }}"}\n'
    (error,) = mistakes(load(written(text)), Recording)
    assert ":7: steps.2.fill.value: not a template" in str(error)


def test_syntax_error_names_the_line(written) -> None:
    with pytest.raises(WorkspaceError, match=r"file\.yaml:3: not valid YAML"):
        load(written("format: 1\nsteps: [\nchannel: x: y\n"))


def test_key_that_stands_twice_is_refused(written) -> None:
    with pytest.raises(WorkspaceError, match="the key stands twice"):
        load(written("format: 1\nformat: 1\n"))


def test_file_that_is_not_utf8_is_refused_with_the_position(written) -> None:
    with pytest.raises(WorkspaceError, match=r"not UTF-8 text \(byte 2\)"):
        load(written(b"a:\xff\n"))


def test_missing_file_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError, match="cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml")


def test_candidate_found_in_two_ways_is_refused(written) -> None:
    text = "format: 1\nscreen: s\nelements:\n  a: [{label: A, css: b}]\n"
    (error,) = mistakes(load(written(text)), BrowserScreenFile)
    assert ":4: " in str(error)
    assert "found in one way" in str(error)


def test_unknown_error_code_is_answered_with_the_valid_ones(written) -> None:
    text = "format: 1\nscreen: s\nmessages:\n  m: {find: [{css: b}], meanings: [{pattern: x, error: nope}]}\n"
    (error,) = mistakes(load(written(text)), BrowserScreenFile)
    assert "material_unknown" in str(error)
