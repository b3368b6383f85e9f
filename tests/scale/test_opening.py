"""A store on a server, named in tandem.yaml: what can go wrong is one sentence, exit code 2, and no secret in it."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem import log
from tandem.cli.program import run
from tandem.workspace.founding import found
from tests.postgres import LOCKED_USER, PASSWORD, Server


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    found(tmp_path / "acme", "en")
    monkeypatch.chdir(tmp_path / "acme")
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "none"))
    yield tmp_path / "acme"
    log.configure()


def keep_books_at(acme: Path, store: str) -> None:
    file = acme / "tandem.yaml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("store: sqlite:///data/tandem.db", f"store: {store}"), encoding="utf-8")


def block(url: str) -> str:
    return f"\n  url: {url}\n  password: env:TANDEM_TEST_PASSWORD"


@pytest.fixture
def locked(database_url: str) -> str:
    """The URL of a database for the user who needs a password."""
    return database_url.replace("tandem@", f"{LOCKED_USER}@")


def told(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = run([*words])
    return code, capsys.readouterr().err


def test_every_command_that_reads_the_books_works_on_a_server(
    acme: Path, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_books_at(acme, database_url)
    for words in (("runs", "list"), ("tickets", "list"), ("workers", "list"), ("workers", "list", "--json")):
        assert told(capsys, *words) == (0, "")


def test_server_that_is_away_is_one_sentence(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_books_at(acme, "postgresql://tandem@127.0.0.1:9/tandem")
    code, sentence = told(capsys, "runs", "list")
    assert code == 2
    assert sentence == (
        "The store postgresql://127.0.0.1:9/tandem cannot be opened: Connection refused. "
        "Start the server, or correct store in tandem.yaml.\n"
    )


def test_database_that_does_not_exist_is_one_sentence(
    acme: Path, postgresql: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_books_at(acme, postgresql.url("nowhere"))
    code, sentence = told(capsys, "worker")
    assert code == 2
    assert 'cannot be opened: database "nowhere" does not exist. Create it on the server' in sentence
    assert len(sentence.splitlines()) == 1


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("wrong pony", 'password authentication failed for user "locked". Correct store.password'),
        (None, "no password supplied. Give store.password in tandem.yaml, such as env:NAME"),
    ],
)
def test_refused_login_is_one_sentence_without_the_password(
    acme: Path,
    locked: str,
    password: str | None,
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TANDEM_TEST_PASSWORD", password or "")
    keep_books_at(acme, locked if password is None else block(locked))
    code, sentence = told(capsys, "runs", "list")
    assert code == 2
    assert why in sentence
    assert "pony" not in sentence
    assert len(sentence.splitlines()) == 1


def test_password_comes_from_where_tandem_yaml_says(
    acme: Path, locked: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_TEST_PASSWORD", PASSWORD)
    keep_books_at(acme, block(locked))
    assert told(capsys, "runs", "list") == (0, "")


def test_password_comes_from_the_password_file_of_postgresql(
    acme: Path, locked: str, postgresql: Server, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = acme / "pgpass"
    file.touch(mode=0o600)
    file.write_text(f"127.0.0.1:{postgresql.port}:*:{LOCKED_USER}:{PASSWORD}\n", encoding="utf-8")
    monkeypatch.setenv("PGPASSFILE", str(file))
    keep_books_at(acme, locked)
    assert told(capsys, "runs", "list") == (0, "")


def test_password_in_the_url_is_refused_and_not_shown(acme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keep_books_at(acme, "postgresql://tandem:hunter22@db.example.com/tandem")
    code, sentence = told(capsys, "runs", "list")
    assert code == 2
    assert "a store's url holds no password; write store.url and store.password" in sentence
    assert "hunter22" not in sentence


def test_missing_support_for_the_server_is_one_sentence(acme: Path) -> None:
    keep_books_at(acme, "postgresql://tandem@127.0.0.1:9/tandem")
    program = (
        "import sys; sys.modules['psycopg'] = None; from tandem.cli.program import run; sys.exit(run(sys.argv[1:]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "--language", "en", "runs", "list"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert (
        "needs support for PostgreSQL, which is not installed. Run: pip install 'tandem-rpa[postgres]'" in done.stderr
    )
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("queues", "why"),
    [
        ("api,brwser", "There is no queue brwser in this workspace. Queues: api, browser"),
        (" , ", "--queues is empty. Queues of this workspace: api, browser"),
    ],
)
def test_queue_that_no_run_can_come_to_is_refused(
    acme: Path, queues: str, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, sentence = told(capsys, "worker", "--queues", queues)
    assert code == 2
    assert why in sentence
