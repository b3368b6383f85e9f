"""Stock: what is available to promise, and reservations where the ERP keeps them apart from the order."""

from datetime import date
from decimal import Decimal

from pydantic import Field

from tandem.domain.operation import Difference, Operation
from tandem.domain.record import Number, Record, Text


class Demand(Record):
    """A quantity of one material at one site; demands of the same material and site are to be added up first."""

    material: Text
    quantity: Number = Field(gt=0)
    unit: Text
    site: str | None = None


class StockCheck(Record):
    """``demands``: at most one per material and site. ``requested_on``: the day the goods are wanted; None: now."""

    demands: tuple[Demand, ...] = Field(min_length=1)
    requested_on: date | None = None


class Availability(Record):
    """What is available to promise for one demand, in the demand's unit; ``available`` None: without limit."""

    material: Text
    site: str | None = None
    requested: Number
    available: Number | None = None

    @property
    def missing(self) -> Decimal:
        """How much of the demand is not covered; 0 when it is."""
        if self.available is None:
            return Decimal(0)
        return max(Decimal(0), self.requested - max(Decimal(0), self.available))


class StockAvailability(Record):
    """One answer per demand, in the order asked. An unknown material raises MaterialUnknown instead."""

    answers: tuple[Availability, ...]

    @property
    def shortages(self) -> tuple[Availability, ...]:
        """The answers that do not cover their demand."""
        return tuple(answer for answer in self.answers if answer.missing > 0)


class StockReservationLookup(Record):
    external_reference: Text


class StockReservation(Record):
    """Hold goods for an order in an ERP where order and reservation are separate documents."""

    external_reference: Text
    demands: tuple[Demand, ...] = Field(min_length=1)

    def lookup(self) -> StockReservationLookup:
        return StockReservationLookup(external_reference=self.external_reference)

    def differences(self, document: "StockReservationDocument") -> tuple[Difference, ...]:
        if document.reservation.demands == self.demands:
            return ()
        return (Difference(field="demands", asked=str(self.demands), found=str(document.reservation.demands)),)

    def expected(self) -> "StockReservationConfirmation":
        return StockReservationConfirmation(reservation_id="?", external_reference=self.external_reference)


class StockRelease(Record):
    """Give a reservation back."""

    external_reference: Text
    reservation_id: Text

    def lookup(self) -> StockReservationLookup:
        return StockReservationLookup(external_reference=self.external_reference)

    def concerns(self, document: "StockReservationDocument") -> bool:
        return document.reservation_id == self.reservation_id

    def differences(self, document: "StockReservationDocument") -> tuple[Difference, ...]:
        return () if document.released else (Difference(field="released", asked="yes", found="no"),)

    def expected(self) -> "StockReservationConfirmation":
        return StockReservationConfirmation(
            reservation_id=self.reservation_id, external_reference=self.external_reference
        )


class StockReservationConfirmation(Record):
    reservation_id: Text
    external_reference: Text

    @property
    def document_id(self) -> str:
        return self.reservation_id

    def compensation(self) -> StockRelease:
        return StockRelease(external_reference=self.external_reference, reservation_id=self.reservation_id)


class StockReservationDocument(Record):
    """A reservation as it stands in the ERP's books."""

    reservation_id: Text
    reservation: StockReservation
    released: bool = False

    @property
    def document_id(self) -> str:
        return self.reservation_id

    @property
    def void(self) -> bool:
        return self.released

    def result(self) -> StockReservationConfirmation:
        return StockReservationConfirmation(
            reservation_id=self.reservation_id, external_reference=self.reservation.external_reference
        )


class StockReservationsFound(Record):
    documents: tuple[StockReservationDocument, ...] = ()


STOCK_CHECK = Operation("stock.check", StockCheck, StockAvailability, effect="read")
STOCK_RESERVATION_FIND = Operation(
    "stock.find_reservation", StockReservationLookup, StockReservationsFound, effect="read"
)
STOCK_RESERVE = Operation(
    "stock.reserve",
    StockReservation,
    StockReservationConfirmation,
    effect="create",
    read_back="stock.find_reservation",
    compensated_by="stock.release",
)
STOCK_RELEASE = Operation(
    "stock.release", StockRelease, StockReservationConfirmation, effect="update", read_back="stock.find_reservation"
)
