"""What a user may set of the bot: ``mapping.yaml``."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from tandem.text import tr


class StatusValues(BaseModel):
    """The CRM's own status values for the three ways an order can end."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    created: str = "已同步"
    waiting: str = "待补货"
    refused: str = "同步失败"


class Mapping(BaseModel):
    """Defaults and value tables of the translation from CRM to ERP."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1]
    external_reference: str = "{order_number}"
    currencies: tuple[str, ...] = Field(min_length=1)
    default_currency: str | None = None
    default_unit: str = Field(min_length=1)
    units: dict[str, str] = {}
    upper_case_materials: bool = True
    site: str | None = None
    status: StatusValues = StatusValues()

    @field_validator("external_reference")
    @classmethod
    def _names_the_order(cls, pattern: str) -> str:
        try:
            longest = pattern.format(order_number="0" * 10)
        except (KeyError, IndexError, ValueError, AttributeError):
            raise ValueError(tr("only the placeholder {order_number} may be used")) from None
        if "{order_number}" not in pattern:
            raise ValueError(tr("the placeholder {order_number} must be in it, or all orders had one identity"))
        if len(longest) > 35:
            raise ValueError(tr("it makes references of more than 35 characters"))
        return pattern
