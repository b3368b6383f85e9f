"""Processes that this one has started, for tests that kill them."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

Fits = Callable[[str], bool]


def is_chromium(command: str) -> bool:
    """Whether this command line is a browser itself, not one of its helpers."""
    return "chrom" in command.split(" ")[0] and "--type=" not in command


def is_driver(command: str) -> bool:
    """Whether this command line is Playwright's driver, which stands between Tandem and the browsers."""
    return "playwright" in command and "run-driver" in command


def descendants(fits: Fits) -> list[int]:
    """Processes started by this one, directly or not, whose command line fits."""
    parents, commands = {}, {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text()
                commands[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
            except (OSError, ValueError):
                continue

    def is_ours(process: int) -> bool:
        while process in parents:
            process = parents[process]
            if process == os.getpid():
                return True
        return False

    return [process for process, command in commands.items() if is_ours(process) and fits(command)]


def kill(fits: Fits) -> int:
    """End them without a word; how many there were."""
    victims = descendants(fits)
    for victim in victims:
        with suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)
    return len(victims)
