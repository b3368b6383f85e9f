"""What two passes over the same orders told."""

from typing import Any


def other_news(first: dict[str, Any], again: dict[str, Any]) -> list[str]:
    """Orders whose news differs: others may have taken meanwhile what an order waiting for stock could still have.

    Both are what ``tandem run sales_order_sync --json`` told.
    """
    before, after = _missing(first), _missing(again)
    return [order for order in after if after[order] != before.get(order)]


def _missing(told: dict[str, Any]) -> dict[str, object]:
    """What each order lacks; a run that had nothing to do says nothing of its order."""
    results = [row["result"] for row in told["runs"]]
    return {result["order_number"]: result.get("missing") for result in results if "order_number" in result}
