"""The driver on a real X server: what it types, where it refuses to, what it leaves behind."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tandem.channels.desktop.accessibility import Tree, TreeError
from tandem.channels.desktop.driver import Box, DriverRefusal, Window, click, keys, paste, type_keys
from tandem.channels.desktop.x11.driver import X11Driver
from tests.channels.desktop.conftest import Opened, OpenedOn, cover, seen

pytestmark = pytest.mark.desktop


async def fields(driver: X11Driver, window: Window) -> list[str]:
    assert driver.accessibility_bus is not None
    tree = await Tree.of(driver.accessibility_bus, window.pid)
    assert tree is not None
    texts = [await tree.text(node) for node in await tree.find(window.title, "text", None)]
    tree.close()
    return texts


@pytest.mark.parametrize("text", ["售达方 {花括号} ｶﾅ 'Ü\"", "Sold-To Party 4711", "a" * 4000])
async def test_pasted_text_arrives_exactly(driver: X11Driver, opened: Opened, text: str) -> None:
    window = await opened("客户")
    await driver.act(window, [keys("ctrl", "a"), paste(text)])
    assert await driver.answers(window, 5)
    assert (await fields(driver, window))[0] == text


async def test_typed_secret_arrives_key_by_key(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Login")
    await driver.act(window, [type_keys("Geheim-4711!"), keys("tab"), paste("x")])
    assert await driver.answers(window, 5)
    assert await fields(driver, window) == ["Geheim-4711!", "x"]


async def test_clipboard_is_empty_after_a_paste(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Clip")
    await driver.act(window, [paste("confidential"), keys("ctrl", "a"), keys("delete")])
    await driver.act(window, [keys("ctrl", "v")])
    assert await driver.answers(window, 5)
    assert (await fields(driver, window))[0] == ""


async def click_and_fill_second(driver: X11Driver, window: Window, text: str) -> list[str]:
    """What stands in both fields afterwards."""
    assert driver.accessibility_bus is not None
    tree = await Tree.of(driver.accessibility_bus, window.pid)
    assert tree is not None
    _, second = [await tree.box(node) for node in await tree.find(window.title, "text", None)]
    tree.close()
    await driver.act(window, [click(*second.centre), keys("ctrl", "a"), paste(text), keys("tab")])
    assert await driver.answers(window, 5)
    return await fields(driver, window)


def manager_of(driver: X11Driver) -> int:
    """The window manager of the driver's own display."""
    return int(subprocess.check_output(["pgrep", "-P", str(driver._process.pid), "-x", "openbox"]))


async def test_keys_do_not_overtake_a_click_while_the_window_manager_does_not_move(
    driver: X11Driver, opened: Opened
) -> None:
    window = await opened("Slow manager")
    manager = manager_of(driver)
    os.kill(manager, signal.SIGSTOP)
    try:
        assert await click_and_fill_second(driver, window, "Leipzig") == ["", "Leipzig"]
    finally:
        os.kill(manager, signal.SIGCONT)


async def test_keys_wait_until_a_persons_window_manager_has_seen_the_click(
    persons_display: tuple[X11Driver, int], opened_on: OpenedOn
) -> None:
    """Openbox as it comes holds every click back until it has looked at it."""
    driver, manager = persons_display
    window = await opened_on(driver, "Slow manager")
    os.kill(manager, signal.SIGSTOP)
    threading.Timer(0.2, os.kill, (manager, signal.SIGCONT)).start()
    assert await click_and_fill_second(driver, window, "Leipzig") == ["", "Leipzig"]


async def test_wrong_window_in_front_stops_before_a_keystroke(driver: X11Driver, opened: Opened) -> None:
    first = await opened("First")
    second = await opened("Second")
    with pytest.raises(DriverRefusal, match="wrong_window") as refused:
        await driver.act(first, [paste("must not be typed")])
    assert "must not" not in str(refused.value)
    assert await fields(driver, first) == await fields(driver, second) == ["", ""]


async def test_changed_title_stops_before_a_keystroke(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Order 1")
    other = Window(window.id, "Order 2", window.pid, window.box)
    with pytest.raises(DriverRefusal, match="wrong_window"):
        await driver.act(other, [paste("x")])
    assert await fields(driver, window) == ["", ""]


async def test_pointer_in_a_corner_stops_the_robot(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Corner")
    with pytest.raises(DriverRefusal, match="stopped"):
        await driver.act(window, [click(0, 0, leaves=True), keys("a")])


async def test_stopped_program_does_not_answer(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Frozen")
    os.kill(window.pid, signal.SIGSTOP)
    try:
        assert not await driver.answers(window, 0.5)
    finally:
        os.kill(window.pid, signal.SIGCONT)
    assert await driver.answers(window, 5)


async def test_window_of_another_program_over_ours_is_seen(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Below")
    assert not await driver.covered(window)
    await cover(driver, window)
    assert await driver.covered(window)


async def test_picture_has_the_size_of_the_box(driver: X11Driver) -> None:
    assert (await driver.picture(Box(10, 20, 300, 200))).shape == (200, 300, 3)


async def test_picture_is_handed_over_again_only_when_it_has_changed(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Still")
    before = await seen(driver, window)
    (shown,) = await driver.windows(window.pid)
    first, again = await driver.picture(shown.box), await driver.picture(shown.box)
    assert again is first
    part = Box(shown.box.x, shown.box.y, shown.box.width, shown.box.height // 2)
    assert np.array_equal(await driver.picture(part), before[: part.height])
    assert np.array_equal(await driver.picture(shown.box), before)

    await driver.act(window, [paste("17850"), keys("ctrl", "a")])
    assert await driver.answers(window, 5)
    assert not np.array_equal(await driver.picture(shown.box), before)


async def test_change_is_seen_though_the_first_look_at_it_was_given_up(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Given up")
    before = await seen(driver, window)
    (shown,) = await driver.windows(window.pid)
    await driver.act(window, [paste("17850"), keys("ctrl", "a")])
    assert await driver.answers(window, 5)
    await given_up(driver.picture(shown.box))
    assert not np.array_equal(await driver.picture(shown.box), before)


async def test_request_that_was_given_up_is_finished_before_the_next(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Given up")
    await given_up(driver.act(window, [paste("17850"), keys("tab"), paste("x")]))
    assert await driver.answers(window, 5)
    assert await fields(driver, window) == ["17850", "x"]


async def given_up(request: Coroutine[Any, Any, object]) -> None:
    """Cancelled once it has been sent."""
    asked = asyncio.ensure_future(request)
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_program_that_is_not_there_is_refused(driver: X11Driver) -> None:
    with pytest.raises(DriverRefusal, match="no-such-client"):
        await driver.start(["no-such-client"], {})


async def test_host_that_stops_answering_is_ended() -> None:
    driver = await X11Driver.on(None, (640, 480), patience_s=10.0)
    family = _session_of(driver._process.pid)
    os.kill(driver._process.pid, signal.SIGSTOP)
    with pytest.raises(DriverRefusal, match="does not answer"):
        await driver.active()
    with pytest.raises(DriverRefusal, match="gone"):
        await driver.active()
    await driver.aclose()
    _await_gone(family)


async def test_display_whose_server_is_killed_is_gone(driver: X11Driver, opened: Opened) -> None:
    window = await opened("Killed")
    (server,) = [pid for pid in _session_of(driver._process.pid) if _command(pid).startswith("Xvfb ")]
    os.kill(server, signal.SIGKILL)
    _await_gone([server])
    for _ in range(3):
        with pytest.raises(DriverRefusal, match="gone"):
            await driver.windows(window.pid)
    await driver._process.wait()


async def test_accessibility_bus_that_never_answers_is_a_tree_error(tmp_path: Path) -> None:
    address = str(tmp_path / "bus")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(address)
        silent.listen()
        with pytest.raises(TreeError, match="does not answer"):
            await Tree.of(f"unix:path={address}", os.getpid())


async def test_accessibility_bus_that_has_ended_is_a_tree_error(tmp_path: Path) -> None:
    with pytest.raises(TreeError, match="has ended"):
        await Tree.of(f"unix:path={tmp_path / 'bus'}", os.getpid())


def test_everything_on_the_display_ends_with_a_killed_parent() -> None:
    script = (
        "import asyncio, sys\n"
        "from tandem.channels.desktop.x11.driver import X11Driver\n"
        "async def main():\n"
        "    driver = await X11Driver.on(None, (800, 600))\n"
        "    print(driver._process.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        host = int(parent.stdout.readline())
        family = _session_of(host)
        assert len(family) >= 4
        parent.kill()
    _await_gone(family)


def _session_of(host: int) -> list[int]:
    listed = subprocess.run(["ps", "-o", "pid=", "-s", str(host)], capture_output=True, text=True, check=True)
    return [int(line) for line in listed.stdout.split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def _await_gone(family: list[int]) -> None:
    deadline = time.monotonic() + 20
    while alive := [pid for pid in family if _alive(pid)]:
        assert time.monotonic() < deadline, alive
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
