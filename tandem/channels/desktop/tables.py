"""Reads whole tables, page by page, with proof for what was read from a picture."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

from tandem.channels.desktop.driver import Window
from tandem.channels.desktop.finder import Finder, header_of
from tandem.channels.desktop.picture import cut, is_full
from tandem.channels.desktop.places import CUT_OFF, PicturePlace, refused
from tandem.channels.desktop.program import Program
from tandem.channels.screen import Target
from tandem.channels.selectors import DesktopScreenFile

Row = dict[str, str]


@dataclass(frozen=True)
class TableReader:
    """Reads tables of the screen that is shown."""

    program: Program
    finder: Finder
    shown: DesktopScreenFile | None

    async def rows(self, columns: Mapping[str, Target]) -> list[Row]:
        """All rows from the first to the last, or to the first empty one. Raises ScreenNotReady."""
        any_column = next(iter(columns.values()))
        frame = self.shown.frame if self.shown else None
        while await self.finder.page(any_column, frame, down=False):
            pass
        read: dict[int, Row] = {}
        while True:
            window = await self.program.window(frame, any_column.screen)
            numbers = await self.finder.rows(any_column, window)
            page = await self._page(columns, window, numbers)
            filled = {number: row for number, row in page.items() if any(row.values())}
            read.update(filled)
            if len(filled) < len(page) or not page or not await self.finder.page(any_column, frame, down=True):
                break
        if sorted(read) != list(range(len(read))):
            raise refused(self.program, any_column, "rows are missing between the pages of the table")
        self._check_products(columns, read)
        return [read[number] for number in sorted(read)]

    async def _page(self, columns: Mapping[str, Target], window: Window, numbers: Sequence[int]) -> dict[int, Row]:
        if self.program.tree is None:
            return await self._page_of_picture(columns, window)
        page: dict[int, Row] = {}
        for number in numbers:
            page[number] = {}
            for key, target in columns.items():
                place = await self.finder.cell(target, window, number)
                if place is None:
                    raise refused(self.program, target, "the column is not shown")
                page[number][key] = await place.read(target)
        return page

    async def _page_of_picture(self, columns: Mapping[str, Target], window: Window) -> dict[int, Row]:
        """All cells of one picture: one run of each engine."""
        picture = await self.program.look(window)
        places: dict[tuple[int, str], PicturePlace] = {}
        any_column = next(iter(columns.values()))
        grid = await self.finder.grid(any_column, window)
        if grid is None:
            raise refused(self.program, any_column, "the table is not shown")
        for key, target in columns.items():
            column = grid.column(header_of(target))
            if column is None:
                raise refused(self.program, target, "the column is not shown")
            for index, boxes in enumerate(grid.rows):
                places[grid.first + index, key] = PicturePlace(self.program, window, boxes[column])
        read: dict[tuple[int, str], str] = {}
        plain = [cell for cell in places if columns[cell[1]].kind == "text"]
        exact = [cell for cell in places if columns[cell[1]].kind != "text"]
        for row, key in plain:
            if is_full(cut(picture, places[row, key].box)):
                raise refused(self.program, columns[key], f"row {row + 1}: {CUT_OFF}")
        texts = await self.program.eyes.texts(picture, [places[cell].box for cell in plain])
        read.update(zip(plain, texts, strict=True))
        for cell, number in zip(
            exact, await self.program.eyes.proven(picture, [places[cell].box for cell in exact]), strict=True
        ):
            if number is None:
                why = f"row {cell[0] + 1}: the two text recognitions do not read the same"
                raise refused(self.program, columns[cell[1]], why)
            read[cell] = number
        page: dict[int, Row] = {}
        for (row, key), text in read.items():
            page.setdefault(row, {})[key] = text
        return page

    def _check_products(self, columns: Mapping[str, Target], read: Mapping[int, Row]) -> None:
        """Where a column is the product of two others, every row must fit."""
        keys = {target.name.partition(".")[2]: key for key, target in columns.items()}
        for column, factors in self._products(next(iter(columns.values()))).items():
            if not {column, *factors} <= keys.keys():
                continue
            for number, row in read.items():
                if not _is_product(row[keys[column]], *(row[keys[factor]] for factor in factors)):
                    why = f"row {number + 1} does not fit: it is not {factors[0]} times {factors[1]}"
                    raise refused(self.program, columns[keys[column]], why)

    def _products(self, target: Target) -> Mapping[str, tuple[str, str]]:
        table = self.shown.tables.get(target.name.partition(".")[0]) if self.shown else None
        return table.products if table else {}


def _is_product(product: str, one: str, other: str) -> bool:
    """Whether ``product``, to its own decimals, is one number times the other; digits and separators as shown."""
    try:
        total, factors = _number(product), _number(one) * _number(other)
    except InvalidOperation:
        return False
    return total == factors.quantize(total, ROUND_HALF_UP)


def _number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace(" ", ""))
