"""Goods issue: a delivery carried on to its end by the buttons a clerk presses, whichever are left to press.

Each button is one transaction, which Tryton refuses in a state that does not show it. Stock is assigned by Tryton's own
rule and never forced; whether it is there is looked at before, so that a delivery without it stays as it is.
"""

from collections.abc import Sequence
from typing import NoReturn

from api_clients.tryton import assignment
from api_clients.tryton.api import Api
from api_clients.tryton.fault import Refused
from api_clients.tryton.number import document_id
from api_clients.tryton.shipment import DONE, SHIPMENT
from api_clients.tryton.values import Row
from tandem.errors import AccessRefused, NotSent, StockShort, TandemError, ValidationFailed

_FIELDS = (
    "number",
    "state",
    "effective_date",
    "warehouse_storage",
    "warehouse_output",
    "inventory_moves",
    "outgoing_moves",
)
_WAITING = "waiting"
_BUTTONS = {_WAITING: "assign_try", "assigned": "pick", "picked": "pack", "packed": "do", "shipped": "do"}
_UNPICKED = {**_BUTTONS, "assigned": "pack"}
"""Where goods leave from their shelves, nothing is picked."""


class GoodsIssue:
    """One delivery on its way out of the house."""

    def __init__(self, client: Api, id_: int) -> None:
        self._client, self._id = client, id_
        self._shipment: Row = {}
        self._begun = False
        self._pressed_in: str | None = None

    async def carried_out(self) -> Row:
        """The delivery once it is done; one that is done already is left as it is.

        Raises StockShort with nothing delivered, ValidationFailed when it is cancelled or a draft, Refused before
        anything was changed. When it was left on its way: UnknownOutcome, or, where Tryton refuses to go on,
        ValidationFailed, which says how it stands.
        """
        try:
            while await self._state() != DONE:
                await self._go_on()
        except Refused as refused:
            if not self._begun:
                raise
            raise self._stopped(refused) from None
        except (NotSent, AccessRefused) as error:
            if not self._begun:
                raise
            raise self._left() from error
        return self._shipment

    async def _state(self) -> str:
        (self._shipment,) = await self._client.search_read(SHIPMENT, [["id", "=", self._id]], _FIELDS)
        return str(self._shipment["state"])

    async def _go_on(self) -> None:
        """Press the next button; a delivery that somebody took into another state in this moment is looked at again."""
        state, button = self._shipment["state"], self._button()
        if state == self._pressed_in:
            await self._give_up()
        if state == _WAITING:
            await self._refuse_short()
        try:
            await self._client.press(SHIPMENT, button, self._id)
        except Refused:
            if await self._state() == state:
                raise
            self._pressed_in = None
        else:
            self._begun, self._pressed_in = True, state

    def _button(self) -> str:
        state, buttons = self._shipment["state"], _BUTTONS if self._is_picked else _UNPICKED
        if state not in buttons:
            raise ValidationFailed(
                "Delivery {shipment} cannot be delivered in {system}: it is {state}. Look at it there, then retry.",
                shipment=document_id(self._shipment),
                system=self._client.http.system,
                state=state,
            )
        return buttons[state]

    @property
    def _is_picked(self) -> bool:
        return bool(self._shipment["warehouse_storage"] != self._shipment["warehouse_output"])

    async def _refuse_short(self) -> None:
        needs = await assignment.unassigned(self._client, self._moves)
        missing = await assignment.missing(self._client, needs, self._shipment["warehouse_storage"])
        if missing:
            raise self._short(missing)

    async def _give_up(self) -> NoReturn:
        """A button had no effect: stock went elsewhere meanwhile, and what was assigned is given back."""
        if self._pressed_in != _WAITING:
            raise self._left()
        missing = await assignment.unassigned(self._client, self._moves)
        await self._client.press(SHIPMENT, "wait", self._id)
        raise self._short(missing)

    @property
    def _moves(self) -> list[int]:
        """The moves that want stock."""
        return list(self._shipment["inventory_moves" if self._is_picked else "outgoing_moves"])

    def _short(self, missing: Sequence[assignment.Need]) -> StockShort:
        return StockShort(
            "{system} has not enough in stock for delivery {shipment}, missing: {missing}. Nothing was delivered. "
            "Wait for the goods, then retry.",
            system=self._client.http.system,
            shipment=document_id(self._shipment),
            missing=", ".join(map(str, missing)),
        )

    def _stopped(self, refused: Refused) -> ValidationFailed:
        return ValidationFailed(
            "{system} refuses to go on with delivery {shipment}, which is {state} there now: {said}. "
            "Correct what it names, then retry.",
            system=self._client.http.system,
            shipment=document_id(self._shipment),
            state=self._shipment["state"],
            said=refused.fault.sentence,
        )

    def _left(self) -> TandemError:
        return self._client.unbelievable(SHIPMENT, safe=False)
