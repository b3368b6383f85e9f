"""Ctrl+C: one sentence on the terminal, whatever breaks on the way out, and a second one that ends at once."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from tandem.cli.session import Session
from tandem.cli.stopping import carry_out

SLOW_TO_END = """
import asyncio, sys
from tandem.cli.session import Session
from tandem.cli.stopping import carry_out

async def work():
    print("under way", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("ending", flush=True)
        await asyncio.sleep(60)

carry_out(Session(), work())
"""


async def broken_connection() -> None:
    """Stops itself; on the way out a connection breaks that nobody waits for any more."""
    os.kill(os.getpid(), signal.SIGINT)
    try:
        await asyncio.sleep(60)
    finally:
        asyncio.get_running_loop().create_future().set_exception(ConnectionError("closed while reading"))


def test_what_breaks_while_stopping_is_not_told(
    capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "asyncio"), pytest.raises(typer.Exit) as ended:
        carry_out(Session(), broken_connection())
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err == "Stopped. No run was under way.\n"
    assert caplog.records == []


def test_second_signal_ends_at_once_and_says_so() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_TO_END], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        for word in ("under way", "ending"):
            assert process.stdout.readline().strip() == word
            process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    assert process.returncode == 130
    assert told.startswith("Stopped at once. What was under way is looked up in the books at the next start")
    assert told.count("\n") == 1


def test_command_names_the_workspace_that_was_named() -> None:
    assert Session().command("run x") == "tandem run x"
    assert Session(Path("my books")).command("run x") == "tandem --workspace 'my books' run x"
