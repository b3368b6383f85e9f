"""The format of ``selectors/<vendor>/<screen>.yaml`` (browser) and ``<screen>.desktop.yaml``: one screen's elements.

::

    format: 1
    screen: sales_order.new
    include: [shell]                     # elements and messages of these screens are on this one too
    open: "/ui/sales-orders/new"         # browser: path under the system's url; desktop: transaction code or menu path
    recognise: {role: heading, name: [Create Sales Orders, 创建销售订单]}
    elements:
      sold_to_party:
        find: [{label: [Sold-To Party, 售达方]}, {css: "[data-field=SoldToParty] input"}]
      password: {find: [{label: Password}], secret: true}
      name: [{label: Name}]              # a bare list is ``find``
    tables:
      items:
        rows: [{css: "table.items tbody tr"}]
        columns:
          quantity: {find: [{header: [Order Quantity, 订单数量]}], kind: number}
    messages:
      message_box:
        find: [{role: alertdialog}]
        meanings: [{pattern: "Material \\\\S+ is not defined", error: material_unknown}]

Where a word may stand in one of several languages, a list is *any of these*, in one candidate. Words may be
templates. Candidates are tried in order; one counts when it matches exactly one visible element.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from tandem.errors import LoginExpired, NotOffered, Rejected, Unavailable, codes_of
from tandem.text import listed, tr

Kind = Literal["text", "number", "day"]
"""How a value is written on the screen; numbers and days follow the system's notation."""


class Strict(BaseModel):
    """A frozen part of a file; unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


def _one_or_more(value: object) -> object:
    return (value,) if isinstance(value, (str, Mapping)) else value


Words = Annotated[tuple[str, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
"""Any of these words (languages of one label)."""


class BrowserCandidate(Strict):
    """One way to find an element of a page: exactly one of label, role, css, test_id, text, placeholder, header.

    ``header`` is for columns of a table only: the cell under that heading, or the field in it.
    """

    label: Words | None = None
    role: str | None = None
    name: Words | None = None
    css: str | None = None
    test_id: str | None = None
    text: Words | None = None
    placeholder: Words | None = None
    header: Words | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "BrowserCandidate":
        _exactly_one(self, ("label", "role", "css", "test_id", "text", "placeholder", "header"))
        if self.name is not None and self.role is None:
            raise ValueError(tr("name goes with role; a visible text alone is text"))
        return self


End = Literal["left", "right"]


class OcrLabel(Strict):
    """A field found by its label as read from the picture: the box beside, below or above it.

    ``skip``: so many boxes between label and field are passed over (a currency before an amount, say). ``icons``: the
    ends of the field at which a picture may stand; what stands there is not read. ``stays``: the keyboard stays in the
    field after it was filled in, where leaving it would do more than that.
    """

    label: Words
    side: Literal["right", "below", "above", "itself"] = "right"
    skip: int = Field(default=0, ge=0)
    icons: Annotated[tuple[End, ...], BeforeValidator(_one_or_more)] = ()
    stays: bool = False


class DesktopCandidate(Strict):
    """One way to find an element of a window: exactly one of role (+ name), ocr, image, key, header.

    ``image`` is a file beside the selector file; ``key`` a keyboard shortcut; ``header`` the column of a table.
    ``window``: words of the title of the window it is in, where that is not the screen's own (a message box, say).
    ``inside``: the name of an element above it in the tree, where several have its role and name.
    """

    role: str | None = None
    name: Words | None = None
    inside: Words | None = None
    ocr: OcrLabel | None = None
    image: str | None = None
    key: str | None = None
    header: Words | None = None
    window: Words | None = None

    @model_validator(mode="after")
    def _one_way(self) -> "DesktopCandidate":
        _exactly_one(self, ("role", "ocr", "image", "key", "header"))
        if (self.name is not None or self.inside is not None) and self.role is None:
            raise ValueError(tr("name and inside go with role"))
        return self


Candidate = TypeVar("Candidate", BrowserCandidate, DesktopCandidate)


class Element(Strict, Generic[Candidate]):
    """One element. ``secret``: never in pictures, traces or logs; ``personal``: masked in evidence."""

    find: Annotated[tuple[Candidate, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
    kind: Kind = "text"
    secret: bool = False
    personal: bool = False

    @model_validator(mode="before")
    @classmethod
    def _bare_list(cls, value: object) -> object:
        return {"find": value} if isinstance(value, Sequence) and not isinstance(value, str) else value


class Table(Strict, Generic[Candidate]):
    """``rows`` matches all rows at once, top to bottom; a column is found inside its row.

    On the desktop ``rows`` is the table's own label, or the ``header`` of one column where the table is a list whose
    cells have no frames. ``products`` says which column is two others' product: rows read
    from a picture are believed only if they fit, ``{amount: [quantity, price]}``.
    """

    rows: Annotated[tuple[Candidate, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
    columns: dict[str, Element[Candidate]] = Field(min_length=1)
    products: dict[str, tuple[str, str]] = {}


def _known_code(code: str) -> str:
    if code not in ERROR_CODES:
        raise ValueError(
            tr("{code} is not an error a screen can show; valid: {valid}", code=code, valid=", ".join(ERROR_CODES))
        )
    return code


def _regular(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(tr("not a regular expression: {why}", why=error)) from None
    return pattern


ERROR_CODES = (*codes_of(Rejected), LoginExpired.code, Unavailable.code, NotOffered.code)
"""What a text on a screen can mean."""
ErrorCode = Annotated[str, AfterValidator(_known_code)]
Pattern = Annotated[str, AfterValidator(_regular)]


class Meaning(Strict):
    """What a text in a message says: the ``code`` of a class of tandem.errors. The first match counts."""

    pattern: Pattern
    error: ErrorCode


class Message(Strict, Generic[Candidate]):
    """An element that shows errors. A text without a meaning is a screen fault, or unknown after the commit step."""

    find: Annotated[tuple[Candidate, ...], BeforeValidator(_one_or_more), Field(min_length=1)]
    meanings: tuple[Meaning, ...] = ()


class ScreenFile(Strict, Generic[Candidate]):
    """The elements of one screen."""

    format: Literal[1]
    screen: str
    include: tuple[str, ...] = ()
    open: str | None = None
    frame: str | None = None
    recognise: Annotated[tuple[Candidate, ...], BeforeValidator(_one_or_more)] = ()
    elements: dict[str, Element[Candidate]] = {}
    tables: dict[str, Table[Candidate]] = {}
    messages: dict[str, Message[Candidate]] = {}


class BrowserScreenFile(ScreenFile[BrowserCandidate]):
    """``open`` is a path under the system's url; ``frame`` the css selector of the iframe that holds the screen."""


class DesktopScreenFile(ScreenFile[DesktopCandidate]):
    """``open`` is a transaction code or a menu path; ``frame`` a pattern the window's title must match."""


AnyScreenFile = BrowserScreenFile | DesktopScreenFile
AnyCandidate = BrowserCandidate | DesktopCandidate
SCREEN_FILES: Mapping[str, tuple[str, type[Any]]] = {
    "browser": (".yaml", BrowserScreenFile),
    "desktop": (".desktop.yaml", DesktopScreenFile),
}
"""Per channel: how the file names end, and their model."""


def _exactly_one(model: BaseModel, names: Sequence[str]) -> None:
    given = [name for name in names if getattr(model, name) is not None]
    if len(given) != 1:
        raise ValueError(
            tr(
                "a candidate is found in one way, one of {valid}; here: {given}",
                valid=", ".join(names),
                given=listed(given),
            )
        )
