"""Tryton's own API, as its tests reach it: with the sample user, and a rung for each operation on an order."""

from pathlib import Path
from typing import Any

from api_clients.tryton import operations as tryton
from fixtures.tryton.real import CREDENTIALS
from tandem.channels.api import ApiChannel
from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

USER, PASSWORD = CREDENTIALS["username"], CREDENTIALS["password"]
SETTINGS = tryton.Settings(database=CREDENTIALS["database"])
RUNGS = {
    "sales_order.create": tryton.sales_order_create,
    "sales_order.find": tryton.sales_order_find,
    "sales_order.confirm": tryton.sales_order_confirm,
    "sales_order.cancel": tryton.sales_order_cancel,
}


def opened(url: str, *, user: str = USER, password: str = PASSWORD, **block: Any) -> HttpPort:
    """A port to the server, for its user to close; ``block``: more of the system's ``api`` block."""
    auth = {"kind": "session", "username": user, "password": password}
    return HttpPort("erp", ApiSettings.model_validate({"url": url, "auth": auth, **block}))


def by_key(path: str) -> dict[str, Any]:
    """The ``auth`` of the REST API, with the key that is kept in this file."""
    return {"kind": "api_key", "header": "Authorization", "scheme": "Bearer", "key": Path(path).read_text("utf-8")}


def channel(port: HttpPort) -> ApiChannel:
    """The API channel over a port, with the sample database."""
    return ApiChannel("erp", port, tryton.connect(port, SETTINGS), RUNGS)
