"""The replayer: steps in order, and what is known when one fails."""

from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from pydantic import BaseModel

from tandem.channels.library import Screens
from tandem.channels.notation import Notation
from tandem.channels.recording import Recording
from tandem.channels.replayer import Replayer
from tandem.document import read
from tandem.domain.hold import INTENT_S, Hold, holding
from tandem.errors import (
    AccessRefused,
    DocumentNotFound,
    MaterialUnknown,
    NotOffered,
    Rejected,
    ScreenNotReady,
    TandemError,
    UnknownOutcome,
)
from tests.channels.paper import PaperScreen
from tests.http.hand_clock import HandClock

SCREEN = """
format: 1
screen: form
open: "/form/{{ number }}"
recognise: {css: h1}
elements:
  name: [{css: a}]
  price: {find: [{css: b}], kind: number}
  day: {find: [{css: c}], kind: day}
  save: [{css: d}]
  saved: [{css: e}]
tables:
  items: {rows: {css: tr}, columns: {code: [{css: f}], count: {find: [{css: g}], kind: number}}}
messages:
  box: {find: {css: h}, meanings: [{pattern: "Material \\\\S+ is not defined", error: material_unknown}]}
"""
OPEN = '- open: {screen: form, params: {number: "7"}}'
SAVE = "- click: {element: save, commit: true}"


class Study:
    """A recording of a few steps, replayed on paper."""

    def __init__(self, folder: Path) -> None:
        (folder / "form.yaml").write_text(SCREEN)
        self.folder = folder
        self.paper = PaperScreen(name="", price="", day="", save="")
        self.notation = Notation(decimal=",", thousands=".", day="%d.%m.%Y")

    async def replay(self, *steps: str, result: str = "{}", into: Any = dict, **context: Any) -> Any:
        file = self.folder / "act.browser.yaml"
        lines = "\n".join(indent(dedent(step), "  ") for step in (OPEN, *steps))
        file.write_text(f"format: 1\noperation: act\nchannel: browser\nsteps:\n{lines}\nresult: {result}\n")
        replayer = Replayer("erp", Screens([self.folder], "browser"), self.notation)
        return await replayer.replay(read(file, Recording), self.paper, context, into)


@pytest.fixture
def study(tmp_path: Path) -> Study:
    return Study(tmp_path)


async def test_open_fills_in_the_address(study: Study) -> None:
    await study.replay()
    assert study.paper.acts == ["open /form/7"]


async def test_values_are_written_in_the_screens_notation(study: Study) -> None:
    await study.replay(
        '- fill: {element: price, value: "{{ price }}"}', '- fill: {element: day, value: "2026-12-31"}', price="1234.5"
    )
    assert study.paper.elements["price"] == "1234,5"
    assert study.paper.elements["day"] == "31.12.2026"


async def test_values_are_read_from_the_screens_notation(study: Study) -> None:
    study.paper.elements |= {"price": "1.234,50", "saved": "Order 12 has been saved"}
    found = await study.replay(
        "- read: {element: price, into: price}",
        '- read: {element: saved, pattern: "Order (\\\\d+)", into: number}',
        result='{price: "{{ price }}", number: "{{ number }}"}',
    )
    assert str(found["price"]) == "1234.50"
    assert found["number"] == "12"


async def test_loop_fills_row_by_row_and_collects(study: Study) -> None:
    study.paper.elements |= {"items.code[0]": "", "items.code[1]": ""}
    found = await study.replay(
        """\
        - for_each:
            in: codes
            as: code
            steps:
              - fill: {element: items.code, row: "{{ loop.index0 }}", value: "{{ code }}"}
            collect: {into: done, item: {number: "{{ loop.index }}", code: "{{ code }}"}}
        """,
        result='{done: "{{ done }}"}',
        codes=["A", "B"],
    )
    assert study.paper.elements["items.code[1]"] == "B"
    assert found == {"done": [{"number": 1, "code": "A"}, {"number": 2, "code": "B"}]}


async def test_what_a_turn_reads_is_forgotten_after_it(study: Study) -> None:
    study.paper.elements["saved"] = "1"
    loop = "- for_each: {in: codes, as: code, steps: [{read: {element: saved, into: number}}]}"
    with pytest.raises(NotOffered, match="'number' is undefined"):
        await study.replay(loop, result='{number: "{{ number }}"}', codes=["A"])


async def test_table_is_read_as_a_list_with_numbers(study: Study) -> None:
    study.paper.elements |= {"items.code[0]": "A", "items.count[0]": "1.000"}
    found = await study.replay(
        "- read_rows: {table: items, into: rows, columns: {material: code, quantity: count}}",
        result='{rows: "{{ rows }}"}',
    )
    assert found == {"rows": [{"material": "A", "quantity": 1000}]}


async def test_when_runs_only_if_true(study: Study) -> None:
    step = "- when: {condition: wanted, steps: [{fill: {element: name, value: x}}]}"
    await study.replay(step, wanted=False)
    assert study.paper.elements["name"] == ""
    await study.replay(step, wanted=True)
    assert study.paper.elements["name"] == "x"


async def test_when_shown_asks_the_screen(study: Study) -> None:
    step = "- when: {shown: saved, steps: [{fill: {element: name, value: x}}]}"
    await study.replay(step)
    assert study.paper.elements["name"] == ""
    study.paper.elements["saved"] = ""
    await study.replay(step)
    assert study.paper.elements["name"] == "x"


async def test_double_click_is_one_act(study: Study) -> None:
    await study.replay("- click: {element: save, double: true}")
    assert study.paper.acts[-1] == "double click save"


async def test_part_of_the_address_is_read(study: Study) -> None:
    steps = ('- read_address: {pattern: "/form/(\\\\d+)", into: id}', '- read_address: {pattern: "form", into: word}')
    assert await study.replay(*steps, result='{id: "{{ id }}", word: "{{ word }}"}') == {"id": "7", "word": "form"}


async def test_address_that_never_fits_is_not_ready_before_and_unknown_after_the_commit(study: Study) -> None:
    step = "- read_address: {pattern: gone, into: id, within_s: 0.1}"
    with pytest.raises(ScreenNotReady, match=r"address does not match gone within 0\.1 s"):
        await study.replay(step)
    with pytest.raises(UnknownOutcome, match="address does not match"):
        await study.replay(SAVE, step)


async def test_message_that_shows_instead_of_the_address_is_the_vendors_no(study: Study) -> None:
    study.paper.on_click = lambda name: study.paper.elements.update(box="Material X1 is not defined")
    with pytest.raises(MaterialUnknown, match="X1"):
        await study.replay(SAVE, "- read_address: {pattern: gone, into: id, within_s: 30}")


async def test_screen_that_does_not_come_to_rest_is_not_ready(study: Study) -> None:
    await study.replay("- settle: {within_s: 3}")
    assert study.paper.acts[-1] == "settle"
    study.paper.rests = False
    with pytest.raises(ScreenNotReady, match="still at work after 3 s"):
        await study.replay("- settle: {within_s: 3}")


async def test_wrong_screen_is_not_touched(study: Study) -> None:
    study.paper.missing_screens.add("form")
    with pytest.raises(ScreenNotReady):
        await study.replay("- fill: {element: name, value: x}")
    assert study.paper.acts == ["open /form/7"]


async def test_missing_element_before_commit_is_not_sent(study: Study) -> None:
    del study.paper.elements["name"]
    with pytest.raises(ScreenNotReady):
        await study.replay("- fill: {element: name, value: x}", SAVE)
    assert "click save" not in study.paper.acts


async def test_screen_is_told_just_before_the_commit(study: Study) -> None:
    await study.replay("- fill: {element: name, value: x}", SAVE)
    assert study.paper.acts[-2:] == ["committing", "click save"]


async def test_missing_answer_after_commit_is_unknown(study: Study) -> None:
    with pytest.raises(UnknownOutcome, match=r"step 3: read saved.*may have been written"):
        await study.replay(SAVE, "- read: {element: saved, into: number, within_s: 0.01}")


async def test_commit_button_that_cannot_be_clicked_is_unknown(study: Study) -> None:
    del study.paper.elements["save"]
    with pytest.raises(UnknownOutcome, match="click save"):
        await study.replay(SAVE)


async def test_known_message_after_commit_is_the_vendors_no(study: Study) -> None:
    study.paper.on_click = lambda name: study.paper.elements.update(box="Material X1 is not defined for 1710")
    with pytest.raises(MaterialUnknown, match="Material X1 is not defined") as caught:
        await study.replay(SAVE, "- read: {element: saved, into: number}")
    assert isinstance(caught.value, Rejected)


async def test_message_on_a_later_screen_is_no_answer_to_the_commit(study: Study) -> None:
    study.paper.on_click = lambda name: study.paper.elements.update(saved="Order 12")
    read = "- read: {element: saved, into: number}"
    again = '- open: {screen: form, params: {number: "{{ number }}"}}'
    study.paper.on_open = lambda: (
        study.paper.acts.count("click save") and study.paper.elements.update(box="Material X1 is not defined")
    )
    with pytest.raises(UnknownOutcome, match="Material X1 is not defined"):
        await study.replay(SAVE, read, again)


async def test_refused_page_after_commit_is_unknown(study: Study) -> None:
    def refuse() -> None:
        if "click save" in study.paper.acts:
            raise AccessRefused("403")

    study.paper.on_open = refuse
    with pytest.raises(UnknownOutcome, match="403"):
        await study.replay(SAVE, OPEN)


async def test_unknown_message_after_commit_is_unknown(study: Study) -> None:
    study.paper.on_click = lambda name: study.paper.elements.update(box="Short dump")
    with pytest.raises(UnknownOutcome, match="Short dump"):
        await study.replay(SAVE, "- read: {element: saved, into: number}")


async def test_message_before_commit_stops_without_committing(study: Study) -> None:
    study.paper.elements["box"] = "The system goes down tonight"
    with pytest.raises(ScreenNotReady, match="The system goes down tonight"):
        await study.replay("- fill: {element: name, value: x}", SAVE)
    assert study.paper.acts == ["open /form/7"]


async def test_message_explains_a_failed_step(study: Study) -> None:
    study.paper.on_click = lambda name: (
        study.paper.elements.update(box="Material X1 is not defined") or (study.paper.elements.pop("price"))
    )
    with pytest.raises(MaterialUnknown):
        await study.replay("- click: {element: save}", "- fill: {element: price, value: '1'}")


async def test_fail_step_raises_its_business_error(study: Study) -> None:
    with pytest.raises(DocumentNotFound, match=r"On the screens of erp: no order 7\."):
        await study.replay('- fail: {error: document_not_found, message: "no order {{ number }}"}', number=7)


async def test_text_that_the_pattern_does_not_match_is_not_ready(study: Study) -> None:
    study.paper.elements["saved"] = "something else"
    with pytest.raises(ScreenNotReady, match="does not match"):
        await study.replay('- read: {element: saved, pattern: "Order (\\\\d+)", into: number}')


async def test_number_that_is_none_is_not_ready_before_and_unknown_after_commit(study: Study) -> None:
    study.paper.elements["price"] = "1,2,3"
    with pytest.raises(ScreenNotReady, match="does not read as a number"):
        await study.replay("- read: {element: price, into: price}")
    with pytest.raises(UnknownOutcome, match="does not read as a number"):
        await study.replay(SAVE, "- read: {element: price, into: price}")


async def test_unknown_element_is_told_with_the_known_ones(study: Study) -> None:
    with pytest.raises(NotOffered, match=r"no element nmae.*name, price.*Did you mean name\?"):
        await study.replay("- fill: {element: nmae, value: x}")


async def test_undefined_name_is_told_without_touching_the_screen(study: Study) -> None:
    with pytest.raises(NotOffered, match="'order' is undefined"):
        await study.replay('- fill: {element: name, value: "{{ order.name }}"}')
    assert study.paper.elements["name"] == ""


class _Typed(BaseModel):
    number: int


async def test_result_of_the_wrong_type_is_told_without_its_value(study: Study) -> None:
    with pytest.raises(ScreenNotReady) as caught:
        await study.replay(result='{number: "{{ name }}"}', into=_Typed.model_validate, name="Ada Lovelace")
    assert "number: " in str(caught.value)
    assert "Ada" not in str(caught.value)


async def test_errors_of_tandem_itself_come_through_before_commit(study: Study) -> None:
    (study.folder / "form.yaml").write_text("format: 1\nscreen: form\n")
    with pytest.raises(TandemError, match="Screen form has no open"):
        await study.replay()


async def test_commit_of_a_run_taken_over_is_not_clicked(study: Study) -> None:
    class TakenOver(BaseException): ...

    async def not_ours() -> None:
        raise TakenOver

    clock = HandClock()
    with holding(Hold(clock, not_ours)):
        clock.at_s += INTENT_S + 1
        with pytest.raises(TakenOver):
            await study.replay(SAVE)
    assert study.paper.acts == ["open /form/7", "committing"]
