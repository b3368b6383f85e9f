"""The frame of a help page, and the mistakes that the library of the command line finds, in the reader's language."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.cli.program import run
from tandem.cli.retelling import retold
from tandem.text import language, use_language
from tests.cli.test_sandbox import VENDOR


@pytest.fixture(autouse=True)
def outside_a_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before = language()
    yield
    use_language(before)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chekc"], "没有命令 'chekc'；您是否要用 'check'。参见：tandem --help"),
        (["zzzz"], "没有命令 'zzzz'。参见：tandem --help"),
        (["check", "--jsn"], "没有选项 --jsn（可能是：--json）。参见：tandem check --help"),
        (["check", "--zzzz"], "没有选项 --zzzz。参见：tandem check --help"),
        (["run"], "缺少参数 'bot'。参见：tandem run --help"),
        (["runs", "list", "--limit", "0"], "'--limit' 的值无效：必须 >= 1。参见：tandem runs list --help"),
        (["runs", "list", "--limit"], "选项 '--limit' 需要一个值。参见：tandem --help"),
        (["run", "--json=3"], "选项 '--json' 不带值。参见：tandem --help"),
        (["runs", "list", "x"], "多余的参数（x）。参见：tandem runs list --help"),
        (["sandbox", VENDOR, "--language", "fr"], "没有语言 fr。有效值：en, zh。"),
        (["sandbox", VENDOR, "--orders", "-5"], "无法生成 -5 个订单：数量至少为 1。"),
    ],
)
def test_mistake_on_the_command_line_is_told_in_chinese(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["--language", "zh", *arguments]) == 2
    assert capsys.readouterr().err == f"{sentence}\n"


@pytest.mark.parametrize(
    "command", [["--help"], ["run", "--help"], ["runs", "--help"], ["tickets", "resolve", "--help"]]
)
def test_frame_of_a_help_page_is_chinese(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--language", "zh", *command]) == 0
    page = capsys.readouterr().out
    english = (
        "Usage",
        "OPTIONS",
        "ARGS",
        "COMMAND",
        "Options",
        "Arguments",
        "Commands",
        "default:",
        "required",
    )
    assert [word for word in english if word in page] == []
    assert "用法：tandem" in page


def test_command_without_arguments_shows_its_help_page_and_nothing_more(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--language", "zh", "runs"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("用法：tandem runs")
    assert "参见" not in told


def test_faults_of_a_sandbox_are_explained_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--language", "zh", "sandbox", "--help"]) == 0
    rows = re.findall(r"^  [a-z_0-9]+ +(\S.*)$", capsys.readouterr().out, re.MULTILINE)
    assert len(rows) > 20
    assert [row for row in rows if row.isascii()] == []


def test_text_of_an_unknown_shape_stays() -> None:
    use_language("zh")
    assert retold("Something else went wrong") == "Something else went wrong"


def test_environment_that_names_no_language_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_LANG", "xx")
    assert run(["schema", "bot"]) == 2
    assert "TANDEM_LANG names the language xx. Valid values: en, zh." in capsys.readouterr().err


@pytest.mark.parametrize("named", ["en", "zh", "zh_CN.UTF-8", "en-GB"])
def test_environment_may_name_a_language_as_a_locale(
    named: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_LANG", named)
    assert run(["schema", "bot"]) == 0
