"""The pages of one search over REST: asked for by ``Range``, and believed only when they make up one whole."""

from collections.abc import Sequence

from api_clients.tryton.values import Row
from tandem.errors import Unavailable


class Pages:
    """What was read so far of the records of one model. Tryton's ranges leave out their end: 0-1000 are a thousand."""

    size = 1000

    def __init__(self, system: str, model: str) -> None:
        self._system, self._model = system, model
        self._totals: set[int] = set()
        self.records: list[Row] = []
        self.complete = False

    @property
    def header(self) -> dict[str, str]:
        """Asks for the next page, and once more for the last record: it tells whether those before it moved."""
        return {"range": f"records={max(0, len(self.records) - 1)}-{len(self.records) + self.size}"}

    def add(self, page: Sequence[Row], content_range: str = "") -> None:
        """Take in a page, ``records <first>-<end>/<total>``, or all there is. One with nothing new is the last.

        Raises Unavailable when the pages are not those of one moment.
        """
        held = [record["id"] for record in self.records[-1:]]
        follows = [record["id"] for record in page[: len(held)]] == held
        new = page[len(held) :]
        self.records += new
        total = content_range.rpartition("/")[2]
        if total.isdecimal():
            self._totals.add(int(total))
        self.complete = not new or total == str(len(self.records)) or (not total and len(new) < self.size)
        if not follows or self._is_torn:
            raise Unavailable(
                "{system} changed its records of {model} while they were read page by page. Nothing was changed by us; "
                "they are read again later.",
                system=self._system,
                model=self._model,
            )

    @property
    def _is_torn(self) -> bool:
        count = len(self.records)
        return len({record["id"] for record in self.records}) != count or (
            self.complete and not self._totals <= {count}
        )
