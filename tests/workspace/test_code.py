"""Code of a workspace takes the place of ours by whole folders; data does not touch code."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tandem.errors import WorkspaceError
from tandem.workspace import code
from tandem.workspace.roots import BUILT_IN, Roots

OURS = sorted(path.parent.name for path in BUILT_IN.glob("api_clients/*/operations.py"))[0]


@pytest.fixture(autouse=True)
def only_ours_afterwards() -> Iterator[None]:
    yield
    code.overlay(Roots.of(None))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def origin(vendor: str) -> str | None:
    module = code.module("api_clients", vendor, "operations")
    return module.__file__ if module else None


def test_vendor_folder_with_code_takes_the_place_of_ours(tmp_path: Path) -> None:
    code.overlay(Roots.of(None))
    assert str(origin(OURS)).startswith(str(BUILT_IN))
    write(tmp_path / "api_clients" / OURS / "__init__.py", "")
    write(tmp_path / "api_clients" / OURS / "operations.py", "MINE = True\n")
    code.overlay(Roots.of(tmp_path))
    assert str(origin(OURS)).startswith(str(tmp_path))
    code.overlay(Roots.of(None))
    assert str(origin(OURS)).startswith(str(BUILT_IN))


def test_vendor_folder_with_data_only_leaves_our_code_in_place(tmp_path: Path) -> None:
    write(tmp_path / "api_clients" / OURS / "vendor.yaml", "format: 1\n")
    code.overlay(Roots.of(tmp_path))
    assert str(origin(OURS)).startswith(str(BUILT_IN))


def test_vendor_without_operations_module_has_none(tmp_path: Path) -> None:
    write(tmp_path / "api_clients" / "screens_only" / "vendor.yaml", "format: 1\n")
    code.overlay(Roots.of(tmp_path))
    assert code.module("api_clients", "screens_only", "operations") is None


@pytest.mark.parametrize("text", ["import nothing_of_this_name\n", "def broken(:\n", "x = undefined\n", "1 / 0\n"])
def test_module_that_cannot_be_imported_is_named_in_one_sentence(tmp_path: Path, text: str) -> None:
    write(tmp_path / "api_clients" / "acme_erp" / "__init__.py", "")
    write(tmp_path / "api_clients" / "acme_erp" / "operations.py", text)
    code.overlay(Roots.of(tmp_path))
    with pytest.raises(WorkspaceError) as caught:
        code.module("api_clients", "acme_erp", "operations")
    assert str(caught.value).startswith("The module api_clients.acme_erp.operations cannot be imported: ")
