"""What two passes over the same orders told."""

from typing import Any


def other_news(first: dict[str, Any], again: dict[str, Any]) -> list[str]:
    """Orders whose news differs: others may have taken meanwhile what an order waiting for stock could still have.

    Both are what ``tandem run sales_order_sync --json`` told.
    """
    before = {row["result"]["order_number"]: row["result"] for row in first["runs"]}
    after = [row["result"] for row in again["runs"]]
    return [
        told["order_number"] for told in after if told.get("missing") != before[told["order_number"]].get("missing")
    ]
