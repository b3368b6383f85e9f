"""The one browser of the process."""

import os
from pathlib import Path

import pytest
from playwright.async_api import async_playwright

from tandem.channels.browser.chromium import Chromium, executable, installed
from tandem.errors import NotOffered

WITH_WINDOWS = Path("/usr/lib/chromium/chromium")


def test_configured_browser_that_is_not_there_is_told_with_its_path(tmp_path: Path) -> None:
    with pytest.raises(NotOffered, match=r"no browser at .*nowhere\. Correct browser\.executable"):
        executable(tmp_path / "nowhere", [])


def test_machine_without_chromium_is_told_the_command_that_installs_it(tmp_path: Path) -> None:
    with pytest.raises(NotOffered, match="apt-get install chromium"):
        executable(None, [tmp_path / "nowhere"])


def test_first_installed_browser_is_taken(tmp_path: Path) -> None:
    (tmp_path / "second").touch()
    (tmp_path / "third").touch()
    installed = [tmp_path / name for name in ("first", "second", "third")]
    assert executable(None, installed) == tmp_path / "second"


@pytest.mark.browser
async def test_program_that_is_no_browser_is_not_offered(tmp_path: Path) -> None:
    program = tmp_path / "browser"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    lease = Chromium(program, headless=True)
    with pytest.raises(NotOffered, match="does not start"):
        await lease.browser()
    await lease.aclose()


@pytest.mark.browser
async def test_two_channels_share_a_browser_that_ends_with_the_last() -> None:
    one, other = Chromium(None, headless=True), Chromium(None, headless=True)
    browser = await one.browser()
    assert await other.browser() is browser
    await one.aclose()
    assert browser.is_connected()
    await other.aclose()
    assert not browser.is_connected()


@pytest.mark.browser
async def test_browser_that_died_is_started_again() -> None:
    lease = Chromium(None, headless=True)
    first = await lease.browser()
    await first.close()
    second = await lease.browser()
    assert second.is_connected()
    await lease.aclose()


async def test_headless_shell_is_taken_where_no_window_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = tmp_path / "chromium-headless-shell"
    shell.touch(mode=0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    async with async_playwright() as playwright:
        places = list(installed(playwright, headless=True))
        assert places.index(shell) < places.index(Path(playwright.chromium.executable_path))
        assert shell not in installed(playwright, headless=False)


@pytest.mark.browser
@pytest.mark.skipif(not WITH_WINDOWS.exists(), reason="there is no Chromium with windows here")
async def test_chromium_with_windows_works_without_one_too() -> None:
    lease = Chromium(WITH_WINDOWS, headless=True)
    page = await (await lease.browser()).new_page()
    await page.set_content("<label>Name <input></label>")
    await page.get_by_label("Name").fill("Ada")
    assert await page.get_by_label("Name").input_value() == "Ada"
    await lease.aclose()
