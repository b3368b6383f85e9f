"""Screens and recordings from folders: the user's before ours."""

from pathlib import Path

import pytest

from tandem.channels.library import Recordings, Screens
from tandem.errors import NotOffered, WorkspaceError


def put(folder: Path, name: str, text: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text)


def screen(name: str, *, css: str, include: str = "[]") -> str:
    return f"format: 1\nscreen: {name}\ninclude: {include}\nelements: {{field: [{{css: {css}}}]}}\n"


def test_users_file_comes_before_ours(tmp_path: Path) -> None:
    put(tmp_path / "user", "a.yaml", screen("a", css="users"))
    put(tmp_path / "ours", "a.yaml", screen("a", css="ours"))
    put(tmp_path / "ours", "b.yaml", screen("b", css="ours"))
    screens = Screens([tmp_path / "user", tmp_path / "ours"], "browser")
    assert screens.screen("a").elements["field"].find[0].css == "users"
    assert screens.names == ("a", "b")


def test_included_elements_give_way_to_own_ones(tmp_path: Path) -> None:
    put(tmp_path, "a.yaml", screen("a", css="own", include="[b]"))
    put(tmp_path, "b.yaml", screen("b", css="included") + "messages: {box: {find: {css: m}}}\n")
    merged = Screens([tmp_path], "browser").screen("a")
    assert merged.elements["field"].find[0].css == "own"
    assert "box" in merged.messages


def test_desktop_files_are_no_browser_screens(tmp_path: Path) -> None:
    put(tmp_path, "a.desktop.yaml", "format: 1\nscreen: a\nelements: {field: [{ocr: {label: Name}}]}\n")
    assert Screens([tmp_path], "browser").names == ()
    assert Screens([tmp_path], "desktop").names == ("a",)


def test_unknown_screen_is_told_with_the_nearest(tmp_path: Path) -> None:
    put(tmp_path, "sales_order.new.yaml", screen("sales_order.new", css="x"))
    with pytest.raises(WorkspaceError, match=r"Did you mean sales_order\.new\?"):
        Screens([tmp_path], "browser").screen("sales_order.knew")


def test_operation_without_recording_is_not_offered(tmp_path: Path) -> None:
    with pytest.raises(NotOffered, match=r"no browser recording of sales_order\.create"):
        Recordings([tmp_path], "browser").recording("sales_order.create")
