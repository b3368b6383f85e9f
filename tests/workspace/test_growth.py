"""``new`` writes vendors and bots that pass ``check`` and their own tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from tandem.errors import UsageError
from tandem.workspace.check import check
from tandem.workspace.founding import found
from tandem.workspace.growth import add


def test_new_vendor_and_bot_pass_check_and_their_own_tests(acme: Path) -> None:
    assert [str(error) for error in check(acme).mistakes if str(acme) in str(error)] == []
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "tests"],
        cwd=acme,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout


@pytest.mark.parametrize("name", ["Acme", "acme-erp", "1st", "", "../acme"])
def test_name_that_is_no_package_is_refused(name: str, acme: Path) -> None:
    with pytest.raises(UsageError, match="Use small letters, digits and _"):
        add("vendor", name, acme)


def test_file_that_is_there_already_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    found(tmp_path / "acme", "en")
    add("vendor", "credit", tmp_path / "acme")
    with pytest.raises(UsageError, match=r"test_credit\.py is there already\. Move it away, or choose another name"):
        add("bot", "credit", tmp_path / "acme")
    assert not (tmp_path / "acme" / "bots" / "credit").exists()


def test_name_that_is_taken_is_refused(acme: Path) -> None:
    with pytest.raises(UsageError, match="There is a vendor acme_erp already"):
        add("vendor", "acme_erp", acme)
