"""What an SAP system is told beside its address: the ``settings`` of a system in tandem.yaml."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

RefusalKind = Literal[
    "business_partner_unknown",
    "business_partner_blocked",
    "material_unknown",
    "credit_blocked",
    "document_locked",
    "document_not_found",
    "duplicate_reference",
]


def _code(length: int) -> object:
    return StringConstraints(min_length=1, max_length=length)


class Settings(BaseModel):
    """``sap_client``: the client (Mandant), empty for the default one. ``language``: of SAP's messages.

    ``plant`` supplies every line that names no site. ``checking_rule``: of the availability check. ``price_condition``:
    the condition type that carries a manual price. ``rejection_reason``: what a cancelled order's items are given; it
    is customizing of each system. ``commit_lag_s``: how long after the time it is stamped with a change may become
    visible; polls look back that far behind what they have seen. ``refusals``: SAP message (``class/number``) to its
    meaning, where a system's differ from ours; ``duplicate_reference`` for the message of a check that keeps customer
    references unique.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sales_organization: Annotated[str, _code(4)]
    distribution_channel: Annotated[str, _code(2)]
    division: Annotated[str, _code(2)]
    plant: Annotated[str, _code(4)]
    order_type: Annotated[str, _code(4)] = "OR"
    sap_client: Annotated[str, Field(pattern=r"^(\d{3})?$")] = ""
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2}$")] = "EN"
    checking_rule: Annotated[str, _code(2)] = "A"
    price_condition: Annotated[str, _code(4)] = "PPR0"
    rejection_reason: Annotated[str, _code(2)] = "61"
    commit_lag_s: Annotated[float, Field(ge=0, le=86400)] = 300
    refusals: dict[str, RefusalKind] = Field(default_factory=dict)
