"""Secrets are fetched from where the file says they are, and never printed afterwards."""

from pathlib import Path

import pytest

from tandem.errors import UsageError
from tandem.http.settings import ApiSettings
from tandem.log import scrub
from tandem.workspace.secret import fetch, secrets_of, with_secrets


def settings(password: str) -> ApiSettings:
    auth = {"kind": "basic", "username": "T", "password": password}
    return ApiSettings.model_validate({"url": "http://127.0.0.1:1", "auth": auth})


def test_environment_secret_is_fetched_and_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_PASSWORD", "open-sesame-77")
    fetched = with_secrets(settings("env:ACME_PASSWORD"), tmp_path)
    assert fetched.auth.password.get_secret_value() == "open-sesame-77"  # type: ignore[union-attr]
    assert scrub("it was open-sesame-77 again") == "it was *** again"


def test_file_secret_is_the_whole_text_so_that_a_private_key_fits(tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN-----\nabc\n-----END-----\n", encoding="utf-8")
    assert fetch("file:key.pem", tmp_path) == "-----BEGIN-----\nabc\n-----END-----"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("env:NOT_SET_ANYWHERE", "The environment variable NOT_SET_ANYWHERE is not set."),
        ("file:nowhere.txt", "nowhere.txt cannot be read: No such file or directory."),
        ("file:empty.txt", "empty.txt is empty."),
        ("file:binary.txt", "binary.txt cannot be read: it is not UTF-8 text."),
        ("keyring:tandem/erp", "needs the package keyring, which is not installed."),
    ],
)
def test_secret_that_cannot_be_fetched_says_where_it_was_looked_for(text: str, sentence: str, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n", encoding="utf-8")
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError) as caught:
        fetch(text, tmp_path)
    assert sentence in str(caught.value)


def test_secrets_are_listed_with_their_place_in_the_file() -> None:
    assert list(secrets_of(settings("plain"), "systems", "erp", "api")) == [
        (("systems", "erp", "api", "auth", "password"), "plain")
    ]
