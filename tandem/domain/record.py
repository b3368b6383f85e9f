"""The base of everything the domain says: frozen, complete, and free of surprises in JSON."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints

from tandem.text import tr


@dataclass(frozen=True)
class Personal:
    """Marks a field as personal data: sealed in the journal, masked in logs, tickets and pictures."""


class Record(BaseModel):
    """A frozen value. Unknown fields are refused, so a misspelt one is never lost silently; an error names no value."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)


def _plain(value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError(tr("it must be a finite number"))
    return Decimal(f"{value.normalize():f}")


Text = Annotated[str, StringConstraints(min_length=1)]
Number = Annotated[Decimal, AfterValidator(_plain)]
"""A finite decimal without trailing zeros or exponent, so that equal numbers are written equally."""

PersonalText = Annotated[str, Personal()]
"""Text that belongs to a person: a name, a phone number, an e-mail address, a street."""
