"""The program as a user runs it: one sentence for every mistake, the right exit code, never a traceback."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem import log
from tandem.cli.example import example_recording
from tandem.cli.program import run
from tandem.workspace.founding import found

RECORDING = example_recording()
TANDEM = Path(sys.executable).parent / "tandem"


def tandem(*arguments: object, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TANDEM, *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "TANDEM_LANG": "en", "COLUMNS": "200", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Path]:
    found(tmp_path / "acme", "en")
    yield tmp_path / "acme"
    log.configure()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["chekc"], "No such command 'chekc'. Did you mean 'check'"),
        (["check", "--jsn"], "No such option: --jsn"),
        (["sandbox"], "Missing argument 'vendor'"),
        (["--language", "fr", "check"], "There is no language fr. Valid values: en, zh."),
        (["--workspace", "nowhere", "check"], "nowhere is no workspace: it holds no tandem.yaml."),
        (["tickets", "list"], "There is no tandem.yaml in "),
        (["schema", "vendr"], "There is no format vendr. Formats: tandem, vendor, bot, calendar, recording, selectors"),
        (["sandbox", "nobody"], "There is no sandbox of nobody. Sandboxes: "),
        (["new", "vendor", "acme"], "There is no tandem.yaml in "),
        (["tickets", "show", "three"], "Invalid value for 'number': it must be a whole number. See: "),
        (["sandbox", "acme", "--port", "65536"], "Invalid value for '--port': it must be <= 65535. See: "),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TANDEM_LANG", "en")
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert sentence in told.err
    assert len(told.err.splitlines()) == 1
    assert told.out == ""


def test_wrong_use_ends_the_process_with_exit_code_2(tmp_path: Path) -> None:
    done = tandem("chekc", folder=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "No such command 'chekc'. Did you mean 'check'. See: tandem --help\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "credit_chek", "1"], "There is no bot credit_chek. Bots of this workspace: "),
        (["runs", "show", "nothing"], "There is no run nothing."),
        (["runs", "list", "--status", "done"], "There is no run status done. Valid values: ready, running"),
        (["tickets", "show", "7"], "There is no ticket 7."),
        (["tickets", "retry", "7"], "There is no ticket 7."),
        (["replay", RECORDING, "--request", "none.json"], "none.json cannot be read: No such file or directory."),
        (["replay", "acme/x.browser"], "There is no recording acme/x.browser. Recordings: "),
        (["init", "."], " is a workspace already."),
    ],
)
def test_wrong_name_in_a_workspace_is_one_sentence_and_exit_code_2(
    arguments: list[str],
    sentence: str,
    acme: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(acme)
    monkeypatch.setenv("TANDEM_LANG", "en")
    assert run(arguments) == 2
    told = capsys.readouterr()
    assert (sentence in told.err, len(told.err.splitlines())) == (True, 1), told.err


def test_empty_books_are_empty_lists_for_a_machine(acme: Path) -> None:
    assert json.loads(tandem("runs", "list", "--json", folder=acme).stdout) == []
    assert json.loads(tandem("tickets", "list", "--json", folder=acme).stdout) == []


def test_check_counts_files_and_tells_mistakes_as_json(acme: Path) -> None:
    text = (acme / "tandem.yaml").read_text(encoding="utf-8")
    (acme / "tandem.yaml").write_text(text.replace("language: en", "language: de"), encoding="utf-8")
    done = tandem("check", "--json", folder=acme)
    assert done.returncode == 2
    mistakes = [found for found in json.loads(done.stdout)["mistakes"] if found["file"] == str(acme / "tandem.yaml")]
    assert mistakes == [
        {
            "file": str(acme / "tandem.yaml"),
            "line": 6,
            "message": f"{acme}/tandem.yaml:6: language is 'de'. Valid values: en, zh.",
        }
    ]


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    listed = capsys.readouterr().out.partition("Commands:")[2].splitlines()
    commands = {line.split()[0] for line in listed if line.startswith("  ") and line[2] not in " E"}
    assert commands == {
        *("demo", "sandbox", "real", "run", "worker", "workers", "runs", "schedules", "tickets", "replay"),
        *("check", "schema", "doctor", "init", "new", "prune"),
    }


@pytest.mark.parametrize(
    "command",
    [
        *("demo", "sandbox", "run", "replay", "check", "schema", "doctor", "init", "prune"),
        *("real up", "real down", "real status"),
        *("runs list", "runs show", "tickets list", "tickets show", "tickets resolve", "tickets retry"),
        *("schedules list", "schedules fire", "new vendor", "new bot"),
    ],
)
def test_help_of_every_command_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    assert f"Example: tandem {command}" in " ".join(capsys.readouterr().out.split())


def test_help_is_chinese_when_asked(tmp_path: Path) -> None:
    assert "工作区" in tandem("--language", "zh", "--help", folder=tmp_path).stdout


def test_schema_of_a_format_is_json(tmp_path: Path) -> None:
    schema = json.loads(tandem("schema", "recording", folder=tmp_path).stdout)
    assert schema["title"] == "Recording"


def test_doctor_says_what_is_missing_and_the_command_that_fetches_it(tmp_path: Path) -> None:
    done = tandem("doctor", "--json", folder=tmp_path, PATH="/nowhere")
    assert done.returncode == 1
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert findings["OCR"]["state"] == "missing"
    assert "tesseract" in findings["OCR"]["fix"]


def test_doctor_names_the_languages_of_ocr_that_are_installed(tmp_path: Path) -> None:
    program = tmp_path / "tesseract"
    program.write_text(
        "#!/bin/sh\necho 'List of available languages in \"/usr/share/tessdata/\" (2):'\necho eng\necho osd\n"
    )
    program.chmod(0o755)
    done = tandem("doctor", "--json", folder=tmp_path, PATH=str(tmp_path))
    findings = {finding["subject"]: finding for finding in json.loads(done.stdout)["findings"]}
    assert findings["OCR language eng"]["state"] == "ok"
    assert findings["OCR language chi_sim"]["detail"] == "not among eng, osd"


def test_runs_of_a_bot_there_is_not_are_refused_with_the_bots_there_are(acme: Path) -> None:
    done = tandem("runs", "list", "--bot", "nobot", folder=acme)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert done.stderr.startswith("There is no bot nobot. Bots: ")


def test_run_without_an_id_is_asked_for_one(acme: Path) -> None:
    done = tandem("runs", "show", "", folder=acme)
    assert (done.returncode, done.stderr) == (2, "The run's id is empty. List the runs with: tandem runs list\n")


def test_next_commands_of_a_new_workspace_can_be_pasted(tmp_path: Path) -> None:
    made = tandem("init", "my ws/{x}", folder=tmp_path)
    assert "  tandem --workspace 'my ws/{x}' check\n" in made.stdout


def test_doctor_in_a_workspace_says_which_system_does_not_answer(acme: Path) -> None:
    text = (acme / "tandem.yaml").read_text(encoding="utf-8").replace(":8001", ":1").replace(":8002", ":1")
    (acme / "tandem.yaml").write_text(text, encoding="utf-8")
    done = tandem("doctor", "--json", folder=acme)
    assert done.returncode == 1
    missing = [finding["detail"] for finding in json.loads(done.stdout)["findings"] if finding["state"] == "missing"]
    assert any("Connection refused" in detail for detail in missing)


def test_reader_that_goes_away_is_no_error(acme: Path) -> None:
    done = subprocess.run(
        ["bash", "-c", f"{TANDEM} schema | head -1"], cwd=acme, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.stderr == ""


def test_log_that_cannot_be_written_is_one_sentence(acme: Path) -> None:
    text = (acme / "tandem.yaml").read_text(encoding="utf-8")
    (acme / "tandem.yaml").write_text(text.replace("data/tandem.log", "tandem.yaml/log"), encoding="utf-8")
    done = tandem("runs", "list", folder=acme)
    assert (done.returncode, "tandem.yaml/log cannot be written: " in done.stderr) == (2, True), done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_unexpected_failure_is_one_sentence_with_the_file_of_its_details(acme: Path, tmp_path: Path) -> None:
    tandem("new", "vendor", "acme_erp", folder=acme)
    operations = acme / "api_clients" / "acme_erp" / "operations.py"
    text = operations.read_text(encoding="utf-8")
    faulty = "def __init__(self, **fields): raise RuntimeError('out of order')\n\n    model_config = "
    operations.write_text(text.replace("model_config = ", faulty), encoding="utf-8")
    configuration = "format: 1\nsystems:\n  erp: {vendor: acme_erp, api: {url: 'http://127.0.0.1:1'}}\n"
    (acme / "tandem.yaml").write_text(configuration, encoding="utf-8")
    done = tandem("check", folder=acme, TMPDIR=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("Something unexpected happened: RuntimeError.")
    assert "Traceback" not in done.stderr + done.stdout
    details = next(tmp_path.glob("tandem-*.log"))
    assert str(details) in done.stderr
    assert "out of order" in details.read_text(encoding="utf-8")
    assert details.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("options", "environment", "chinese"),
    [((), {"TANDEM_LANG": "zh"}, True), ((), {"TANDEM_LANG": ""}, False), (("--language", "zh"), {}, True)],
)
def test_option_goes_before_environment_and_environment_before_the_workspace(
    options: tuple[str, ...], environment: dict[str, str], chinese: bool, acme: Path
) -> None:
    done = tandem(*options, "runs", "show", "nothing", folder=acme, LANG="zh_CN.UTF-8", **environment)
    assert ("没有" in done.stderr) == chinese, done.stderr
