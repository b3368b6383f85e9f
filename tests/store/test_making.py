"""Making an embedded store: whoever is killed meanwhile leaves one that opens, and several may begin at once."""

import subprocess
import sys
from pathlib import Path

MAKER = Path(__file__).with_name("maker_process.py")


def told(*arguments: str) -> list[str]:
    done = subprocess.run([sys.executable, MAKER, *arguments], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout.split()


def test_process_killed_at_any_statement_leaves_a_store_that_opens(tmp_path: Path) -> None:
    outcomes = told("killed", str(tmp_path))
    assert outcomes[-1] == "made"
    assert set(outcomes) == {"killed,opened", "made"}
    assert len(outcomes) > 10


def test_processes_that_begin_at_once_all_open_it(tmp_path: Path) -> None:
    assert told("together", str(tmp_path)) == ["0"] * 8
