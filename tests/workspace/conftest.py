"""A workspace with a vendor and a bot of its own, as ``tandem new`` makes them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.workspace import code
from tandem.workspace.growth import add
from tandem.workspace.roots import Roots

TANDEM_YAML = """\
format: 1
systems:
  erp:
    vendor: acme_erp
    api: {url: "http://127.0.0.1:1", auth: {kind: basic, username: T, password: "env:ACME_PASSWORD"}}
bots:
  credit_check: {erp: erp}
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A valid workspace; afterwards imports find the built-in code only again."""
    monkeypatch.setenv("ACME_PASSWORD", "very-secret-1")
    folder = tmp_path / "acme"
    folder.mkdir()
    (folder / "tandem.yaml").write_text(TANDEM_YAML, encoding="utf-8")
    add("vendor", "acme_erp", folder)
    add("bot", "credit_check", folder)
    yield folder
    code.overlay(Roots.of(None))
