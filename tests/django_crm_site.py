"""A workspace with a real Django-CRM and some ERP, Django-CRM's own database, and the program ``tandem`` in it."""

import csv
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fixtures.django_crm import real
from tandem.workspace.founding import found
from tests import sqlite_books

VENDOR = Path(__file__).parents[1] / "api_clients" / "django_crm" / "vendor.yaml"
DEALS = """
SELECT crm_deal.id, full_name FROM crm_deal JOIN crm_company ON crm_company.id = company_id
WHERE crm_deal.description = '' AND closing_reason_id IS NULL AND crm_deal.name <> '' AND crm_deal.id NOT IN
    (SELECT deal_id FROM crm_output WHERE CAST(round(amount * 100) AS INTEGER) % quantity)
ORDER BY crm_deal.id DESC
"""


class Site:
    """``crm`` and ``erp`` are addresses of running servers, ``vendor`` is the ERP's; ``books``: the CRM's database."""

    def __init__(self, folder: Path, crm: str, books: Path, vendor: str, erp: str) -> None:
        self.folder, self.books, self.erp_url = folder, books, erp
        made = found(folder, "en", ["django_crm", vendor])
        text = (folder / "tandem.yaml").read_text(encoding="utf-8")
        for old, new in ((made.systems["crm"][1].removesuffix("/en/123"), crm), (made.systems["erp"][1], erp)):
            assert old in text
            text = text.replace(old, new)
        (folder / "tandem.yaml").write_text(text, encoding="utf-8")
        quick = VENDOR.read_text(encoding="utf-8").replace("settle_s: 30", "settle_s: 3\n    round_waits_s: [1]")
        (folder / "api_clients" / "django_crm").mkdir(parents=True)
        (folder / "api_clients" / "django_crm" / "vendor.yaml").write_text(quick, encoding="utf-8")

    def refer(self, references: Iterable[tuple[str, str, str]]) -> None:
        """Fill the cross-reference table: kind, what the CRM calls it, what the ERP calls it."""
        with (self.folder / "cross_reference.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("kind", "source", "target"), *references])

    def companies(self) -> list[tuple[str, str]]:
        """Id and name of every company that buys under its own name."""
        return self.rows("SELECT id, full_name FROM crm_company WHERE full_name <> ?", real.WALK_IN)

    def rows(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        return sqlite_books.rows(self.books, query, *values)

    def deals(self, count: int) -> list[str]:
        """Deals of customers that nobody has worked on yet."""
        return [str(key) for key, company in self.rows(DEALS) if company != real.WALK_IN][:count]

    def walk_in(self) -> str:
        """A deal of a company that the ERP does not know."""
        return next(str(key) for key, company in self.rows(DEALS) if company == real.WALK_IN)

    def described(self, deal: str) -> list[str]:
        ((text,),) = self.rows("SELECT description FROM crm_deal WHERE id = ?", deal)
        return str(text).splitlines()

    def memos(self, deals: list[str]) -> Counter[str]:
        """How many memos each deal has."""
        known = [str(key) for (key,) in self.rows("SELECT deal_id FROM tasks_memo")]
        return Counter(deal for deal in known if deal in deals)

    def start(self, *words: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "tandem", "--workspace", str(self.folder), "--language", "en", *words]
        return subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        started = self.start(*words)
        out, err = started.communicate(timeout=600)
        return started.returncode, out, err

    def json(self, *words: str) -> Any:
        code, out, err = self.run(*words, "--json")
        assert code == 0, err
        return json.loads(out.splitlines()[-1])

    def wait_for_memo(self, deals: list[str]) -> None:
        deadline = time.monotonic() + 300
        while not self.memos(deals):
            assert time.monotonic() < deadline
            time.sleep(0.05)
