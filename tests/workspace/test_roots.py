"""Roots: the user's files before ours."""

from pathlib import Path

from tandem.workspace.roots import BUILT_IN, Roots, find_workspace


def write(path: Path, text: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def test_file_of_the_first_root_is_found_before_that_of_the_second(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine/selectors/acme/a.yaml")
    write(tmp_path / "ours/selectors/acme/a.yaml")
    only_ours = write(tmp_path / "ours/selectors/acme/b.yaml")
    roots = Roots((tmp_path / "mine", tmp_path / "ours"))
    assert roots.file("selectors", "acme", "a.yaml") == mine
    assert roots.files("selectors", ".yaml") == {"acme/a.yaml": mine, "acme/b.yaml": only_ours}


def test_owner_that_is_in_both_roots_is_listed_once_with_the_first_manifest(tmp_path: Path) -> None:
    mine = write(tmp_path / "mine/bots/x/bot.yaml")
    write(tmp_path / "ours/bots/x/bot.yaml")
    assert Roots((tmp_path / "mine", tmp_path / "ours")).owners("bots", "bot.yaml") == {"x": mine}


def test_workspace_is_found_from_a_folder_inside_it(tmp_path: Path) -> None:
    write(tmp_path / "tandem.yaml")
    inside = tmp_path / "bots" / "x"
    inside.mkdir(parents=True)
    assert find_workspace(inside) == tmp_path.resolve()


def test_no_workspace_is_found_where_there_is_none(tmp_path: Path) -> None:
    assert find_workspace(tmp_path) is None


def test_built_in_root_alone_when_it_is_the_workspace_itself() -> None:
    assert Roots.of(BUILT_IN).folders == (BUILT_IN,)
