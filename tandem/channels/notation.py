"""How a system's screens write numbers and days, there and back."""

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Literal

from tandem.channels.selectors import Kind, Strict


class Notation(Strict):
    """``decimal`` and ``thousands`` separators of numbers; ``day`` in the codes of strftime."""

    decimal: Literal[".", ","] = "."
    thousands: Literal[",", ".", " ", "'", ""] = ","
    day: str = "%Y-%m-%d"

    def shown(self, value: str, kind: Kind) -> str:
        """A value (plain decimal, ISO day) as the screen wants it. Raises ValueError."""
        if kind == "text" or not value:
            return value
        if kind == "day":
            return date.fromisoformat(value).strftime(self.day)
        return f"{_decimal(value):f}".replace(".", self.decimal)

    def parsed(self, text: str, kind: Kind) -> str | Decimal | date | None:
        """What a screen's text says; None for an empty number or day. Raises ValueError."""
        text = text.strip()
        if kind == "text":
            return text
        if not text:
            return None
        if kind == "day":
            return datetime.strptime(text, self.day).date()  # noqa: DTZ007 - a day has no zone
        return self._number(text)

    def _number(self, text: str) -> Decimal:
        """``1,234.50``; also ``1,234.50-``, as SAP writes a negative number."""
        text = re.sub(r"[\s\u00a0\u202f]", " " if self.thousands == " " else "", text)
        negative = text.endswith("-") or text.startswith(("-", "\u2212"))
        digits = text.strip("-\u2212 ")
        group, point = re.escape(self.thousands or ","), re.escape(self.decimal)
        if not re.fullmatch(rf"(\d+|\d{{1,3}}(?:{group}\d{{3}})+)({point}\d+)?", digits):
            raise ValueError(f"{text!r} is not a number such as 1{self.thousands}234{self.decimal}50")
        if self.thousands:
            digits = digits.replace(self.thousands, "")
        value = _decimal(digits.replace(self.decimal, "."))
        return -value if negative else value


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
