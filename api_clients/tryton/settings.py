"""What a Tryton system is told beside its address: the ``settings`` of a system in tandem.yaml."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Name = Annotated[str, StringConstraints(min_length=1)]


class Settings(BaseModel):
    """``database``: its name on the server. ``warehouse``: code of the one that supplies lines which name no site.
    ``payment_method``: name of the one that receipts are booked with; it says to which journal and account.

    ``language``: of Tryton's messages; what an error means is told apart by the English ones. ``processing_s``: how
    long to wait until a confirmed order is processed, which is when it takes its stock; null where Tryton is set to
    process orders later, so that nobody waits for it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    database: _Name
    warehouse: _Name = "WH"
    payment_method: _Name = "Bank"
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}(_[A-Z]{2,4})?$")] = "en"
    processing_s: Annotated[float, Field(ge=0, le=600)] | None = 10
