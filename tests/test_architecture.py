"""The directions of imports, and what else the shape of the project forbids."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CODE = ("tandem", "bots", "api_clients", "fixtures")
SCREEN_LIBRARIES = {"playwright", "pyautogui", "pytesseract", "cv2", "rapidocr", "mss"}

LAYERS = {
    "cli": {"cli", "workspace", "triggers", "engine", "channels", "store", "http"},
    "workspace": {"workspace", "triggers", "engine", "channels", "store", "http"},
    "triggers": {"triggers", "engine", "store"},
    "engine": {"engine", "store"},
    "channels": {"channels", "store", "http"},
    "store": {"store"},
    "http": {"http"},
    "domain": set(),
}
"""Inside ``tandem``: which layers each may import, beside the ground on which all stand."""
GROUND = {"domain", "errors", "text", "log", "document", "misfit", "schema_walk", "vault"}

OUTSIDE = {
    "tandem": set(),
    "bots": {"tandem", "bots"},
    "api_clients": {"tandem.domain", "tandem.errors", "tandem.text", "tandem.log", "tandem.http", "api_clients"},
    "fixtures": {"tandem.domain", "fixtures"},
}
"""Between the packages: what each may import of the others."""


def sources(package: str) -> list[Path]:
    return [path for path in sorted((ROOT / package).rglob("*.py")) if "migrations" not in path.parts]


def imported(path: Path) -> Iterator[str]:
    """Every module a file imports, ``from a.b import c`` as ``a.b.c``."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(path: Path) -> Iterator[str]:
    return (name for name in imported(path) if name.split(".")[0] in CODE)


@pytest.mark.parametrize("package", CODE)
def test_packages_import_each_other_in_one_direction_only(package: str) -> None:
    allowed = OUTSIDE[package] | {package}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(package)
        for name in ours(path)
        if not any(name == part or name.startswith(f"{part}.") for part in allowed)
    ]
    assert wrong == []


def test_layers_of_tandem_import_downwards_only() -> None:
    wrong = []
    for layer, allowed in LAYERS.items():
        for path in sources(f"tandem/{layer}"):
            for name in ours(path):
                target = name.split(".")[1] if "." in name else ""
                if target and target not in allowed | GROUND | {layer}:
                    wrong.append(f"{path.relative_to(ROOT)} imports {name}")
    assert wrong == []


def test_every_module_of_tandem_belongs_to_a_layer_or_to_the_ground() -> None:
    names = {
        path.stem for path in (ROOT / "tandem").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert {name for name in names if not name.startswith("__")} == set(LAYERS) | GROUND


def test_libraries_of_screens_are_imported_by_channels_only() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for package in CODE
        for path in sources(package)
        if not path.is_relative_to(ROOT / "tandem" / "channels")
        for name in imported(path)
        if name.split(".")[0] in SCREEN_LIBRARIES
    ]
    assert wrong == []


def test_tandem_names_no_vendor_and_no_bot() -> None:
    folders = [path.parent.name for path in ROOT.glob("api_clients/*/vendor.yaml")]
    folders += [path.parent.name for path in ROOT.glob("bots/*/bot.yaml")]
    assert folders
    wrong = [
        f"{path.relative_to(ROOT)} names {name}"
        for path in sources("tandem")
        for name in folders
        if name in path.read_text(encoding="utf-8")
    ]
    assert wrong == []


def test_data_folders_hold_no_code() -> None:
    assert [*(ROOT / "selectors").rglob("*.py"), *(ROOT / "recordings").rglob("*.py")] == []


def test_files_stay_small() -> None:
    lines = [len(path.read_text(encoding="utf-8").splitlines()) for package in CODE for path in sources(package)]
    lines = [count for count in lines if count > 1]
    assert statistics.median(lines) <= 130
    assert statistics.quantiles(lines, n=10)[-1] <= 400
