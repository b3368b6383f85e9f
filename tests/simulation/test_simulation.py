"""The simulation finds nothing in the engine, everything in its mutants, and the same for the same seed."""

import os
import subprocess
import sys

import pytest

from tests.simulation.history import simulate
from tests.simulation.mutants import MUTANTS

HISTORIES = [300, pytest.param(10_000, marks=pytest.mark.nightly)]


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
@pytest.mark.parametrize("histories", HISTORIES)
def test_no_history_breaks_a_promise(histories: int) -> None:
    done = command("--seeds", str(histories))
    sys.stdout.write(done.stdout[-20_000:])
    assert done.returncode == 0
    assert f"histories {histories}" in done.stdout


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", sorted(MUTANTS))
def test_mutant_is_found(name: str) -> None:
    seeds = str(MUTANTS[name].within)
    done = command("--seeds", seeds, "--processes", "1", "--first-failure", "--mutant", name)
    assert done.returncode == 1, done.stderr[-2000:]
    assert "BROKEN" in done.stdout
