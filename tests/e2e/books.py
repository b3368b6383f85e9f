"""What stands in the ERP's books, read through its API."""

import asyncio
from collections.abc import Sequence

from tandem.domain.channel import Attempt
from tandem.domain.sales_order import SALES_ORDER_FIND, SalesOrder, SalesOrderLookup, SalesOrdersFound
from tandem.workspace.engine import channel_of, vault_of
from tandem.workspace.workspace import Workspace


def orders_in_books(workspace: Workspace, references: Sequence[str]) -> dict[str, list[SalesOrder]]:
    """Every order that is not cancelled, by external reference."""
    return asyncio.run(_read(workspace, references))


async def _read(workspace: Workspace, references: Sequence[str]) -> dict[str, list[SalesOrder]]:
    channel = channel_of(workspace, "erp", "api", vault_of(workspace))
    assert channel is not None
    found: dict[str, list[SalesOrder]] = {}
    try:
        for reference in references:
            lookup = SalesOrderLookup(external_reference=reference)
            result = await channel.perform(Attempt(SALES_ORDER_FIND, "erp", lookup, None, "test"))
            assert isinstance(result, SalesOrdersFound)
            found[reference] = [document.order for document in result.documents if not document.void]
    finally:
        await channel.aclose()
    return found
