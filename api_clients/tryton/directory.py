"""Ids of what hardly ever changes: currencies, units, warehouses, payment methods. Asked once, then remembered."""

from collections.abc import Iterable

from api_clients.tryton.api import Api
from tandem.errors import ValidationFailed
from tandem.http.together import together

_CURRENCY, _UNIT, _WAREHOUSE = ("currency.currency", "code"), ("product.uom", "symbol"), ("stock.location", "code")
_PAYMENT_METHOD = ("account.invoice.payment.method", "name")


class Directory:
    """Finds records by the name people know them by. Raises ValidationFailed for a name Tryton does not have."""

    def __init__(self, client: Api) -> None:
        self._client = client
        self._known: dict[tuple[str, str], int] = {}

    async def currency(self, code: str) -> int:
        return await self._id(*_CURRENCY, code)

    async def warehouse(self, code: str) -> int:
        return await self._id(*_WAREHOUSE, code)

    async def payment_method(self, name: str) -> int:
        return await self._id(*_PAYMENT_METHOD, name)

    async def units(self, symbols: Iterable[str]) -> dict[str, int]:
        wanted = sorted(set(symbols))
        found = await together(*(self._id(*_UNIT, symbol) for symbol in wanted))
        return dict(zip(wanted, found, strict=True))

    async def _id(self, model: str, field: str, name: str) -> int:
        if (model, name) not in self._known:
            rows = await self._client.search_read(model, [[field, "=", name]], ["id"])
            if len(rows) != 1:
                raise ValidationFailed(
                    "{system} has {count} records of {model} named {name}; one is needed. Nothing was changed. "
                    "Correct the mapping, or the settings of the system, then retry.",
                    system=self._client.http.system,
                    count=len(rows),
                    model=model,
                    name=name,
                )
            self._known[model, name] = rows[0]["id"]
        return self._known[model, name]
