"""The simulation finds nothing in the engine, everything in its mutants, and the same for the same seed."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from tests.simulation.history import simulate
from tests.simulation.mutants import MUTANTS

HISTORIES = 10_000
EVERY_CHANGE = [
    "intent not recorded",
    "no read-back",
    "descent on an unknown outcome",
    "absent believed at once",
    "journal not fenced",
    "old intent sent without a question",
]
"""Found at every change; the other mutants by night."""


def command(*options: str, hash_seed: str = "random") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.simulation", *options],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )


def digest_elsewhere(seed: int, hash_seed: str) -> str:
    code = f"from tests.simulation.history import simulate; print(simulate({seed}).digest)"
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    ).stdout.strip()


@pytest.mark.parametrize("seed", [3, 39])
def test_same_seed_is_the_same_history_byte_for_byte(seed: int) -> None:
    assert str(simulate(seed)) == str(simulate(seed))


def test_same_seed_is_the_same_history_in_any_process() -> None:
    assert digest_elsewhere(39, "1") == digest_elsewhere(39, "2") == simulate(39).digest


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_history_breaks_a_promise(tell: Callable[[str], None]) -> None:
    done = command("--seeds", str(HISTORIES))
    counts = done.stdout.strip().rpartition("\n")[2]
    tell(counts)
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr[-2000:]
    assert f"histories {HISTORIES}" in counts
    assert done.stderr == ""


def is_found(name: str, first: int, seeds: int) -> bool:
    """Whether a history of the mutant breaks a promise."""
    options = ("--first", str(first), "--seeds", str(seeds), "--processes", "1", "--first-failure", "--mutant", name)
    done = command(*options)
    assert done.stderr == ""
    return done.returncode == 1 and "BROKEN" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", EVERY_CHANGE)
def test_mutant_is_found_where_it_was_found_before(name: str) -> None:
    assert is_found(name, MUTANTS[name].found_at, seeds=1)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_mutant_is_found(name: str) -> None:
    assert is_found(name, 1, seeds=MUTANTS[name].within)
