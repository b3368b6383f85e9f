"""The format of ``recordings/<vendor>/<operation>.<channel>.yaml``: one screen procedure.

::

    format: 1
    operation: sales_order.create
    channel: browser
    request: order                                  # the name under which templates see the request
    steps:
      - open: sales_order.new                       # go there, and check that we are there
      - fill: {element: sold_to_party, value: "{{ order.sold_to_party }}"}
      - for_each:
          in: order.lines
          as: line
          steps:
            - fill: {element: items.quantity, row: "{{ loop.index0 }}", value: "{{ line.quantity }}"}
      - click: {element: save, commit: true}        # from here on a failure is unknown
      - read: {element: toast, pattern: "(\\\\d+)", into: sales_order_id}
    result: {sales_order_id: "{{ sales_order_id }}", external_reference: "{{ order.external_reference }}"}

Templates see the request under its name, ``settings`` (of the system), ``login`` (username and password, in the
login procedure only), loop variables with ``loop.index0``, and what was read so far.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from tandem.channels.selectors import ErrorCode, Pattern, Strict
from tandem.channels.templates import fault
from tandem.text import listed, tr

LOGIN = "login"
"""The name of the procedure that logs in; it is not an operation."""


def _template(text: str) -> str:
    why = fault(text)
    if why is not None:
        raise ValueError(tr("not a template: {why}", why=why))
    return text


def _expression(text: str) -> str:
    why = fault(text, expression=True)
    if why is not None:
        raise ValueError(tr("not an expression: {why}", why=why))
    return text


def _screen_alone(value: object) -> object:
    return {"screen": value} if isinstance(value, str) else value


def _number_as_text(value: object) -> object:
    """A number may stand without quotes; what is no text and no number is refused."""
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value


def _templates(shape: dict[str, Any]) -> dict[str, Any]:
    for text in _strings(shape):
        _template(text)
    return shape


TemplateText = Annotated[str, BeforeValidator(_number_as_text), AfterValidator(_template)]
Expression = Annotated[str, AfterValidator(_expression)]


class Open(Strict):
    """Go to a screen and check that we are there. ``params`` fill the templates of its ``open:``."""

    screen: str
    params: dict[str, TemplateText] = Field(default={})


class Expect(Strict):
    """Check that this screen is shown; the elements of the steps that follow are looked up in it."""

    screen: str
    within_s: float = Field(default=10.0, gt=0)


class OnElement(Strict):
    """``element`` is a name of the current screen, or ``table.column`` with ``row`` counted from 0."""

    element: str
    row: TemplateText | None = None


class Fill(OnElement):
    """Replace the field's content. Numbers and days are written as the screen wants them."""

    value: TemplateText


class Select(OnElement):
    """Choose the option with this value or visible text."""

    value: TemplateText


class Check(OnElement):
    """Set or clear a check box."""

    on: bool = True


class Click(OnElement):
    """``double``: a double click. ``commit``: from here on a failure is an unknown outcome."""

    double: bool = False
    commit: bool = False


class Press(Strict):
    """Press keys, such as ``Enter`` or ``Control+S``, in an element or where the focus is."""

    keys: str
    element: str | None = None
    row: TemplateText | None = None
    commit: bool = False


class Read(OnElement):
    """Read an element. ``pattern``: keep its first group; a text that does not match is a screen fault."""

    into: str
    pattern: Pattern | None = None
    within_s: float = Field(default=10.0, gt=0)


class ReadRows(Strict):
    """Read all rows of a table as a list of mappings: key -> value of the column (``columns``: key -> column)."""

    table: str
    into: str
    columns: dict[str, str] | None = None


class Wait(OnElement):
    """Wait until the element is shown, or ``gone``."""

    gone: bool = False
    within_s: float = Field(default=10.0, gt=0)


class ReadAddress(Strict):
    """Read from the page's address, once ``pattern`` is found in it: its first group, or all it matched."""

    pattern: Pattern
    into: str
    within_s: float = Field(default=10.0, gt=0)


class Settle(Strict):
    """Wait until the screen rests: what it asked for is answered, and nothing on it changes any more."""

    within_s: float = Field(default=10.0, gt=0)


class Fail(Strict):
    """End with a business error: the ``code`` of a class of tandem.errors, and what the screen said."""

    error: ErrorCode
    message: TemplateText


class Collect(Strict):
    """At the end of each turn of a loop, add one item to a list."""

    into: str
    item: Any


class ForEach(Strict):
    """Once per item of an expression. What a turn reads is forgotten after it, but for ``collect``."""

    in_: Expression = Field(alias="in")
    as_: str = Field(alias="as")
    steps: tuple["Step", ...] = ()
    collect: Collect | None = None


class When(Strict):
    """Only if the expression is true, or the element is shown."""

    condition: Expression | None = None
    shown: str | None = None
    steps: tuple["Step", ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_question(self) -> "When":
        if (self.condition is None) == (self.shown is None):
            raise ValueError(tr("when asks one question: condition or shown"))
        return self


class Step(Strict):
    """One step: exactly one verb."""

    open: Annotated[Open, BeforeValidator(_screen_alone)] | None = None
    expect: Annotated[Expect, BeforeValidator(_screen_alone)] | None = None
    fill: Fill | None = None
    select: Select | None = None
    check: Check | None = None
    click: Click | None = None
    press: Press | None = None
    read: Read | None = None
    read_rows: ReadRows | None = None
    read_address: ReadAddress | None = None
    wait: Wait | None = None
    settle: Settle | None = None
    for_each: ForEach | None = None
    when: When | None = None
    fail: Fail | None = None

    @model_validator(mode="after")
    def _one_verb(self) -> "Step":
        if len(self.model_fields_set) != 1:
            raise ValueError(
                tr(
                    "a step has one verb, one of {valid}; here: {given}",
                    valid=", ".join(type(self).model_fields),
                    given=listed(sorted(self.model_fields_set)),
                )
            )
        if getattr(self, self.verb) is None:
            raise ValueError(tr("{verb} is empty; say of it what is to be done", verb=self.verb))
        return self

    @property
    def verb(self) -> str:
        return next(iter(self.model_fields_set))

    @property
    def act(self) -> Strict:
        """The verb's own data, such as a Fill."""
        act: Strict = getattr(self, self.verb)
        return act


class Recording(Strict):
    """A screen procedure. ``result`` builds the operation's result; the login procedure has none."""

    format: Literal[1]
    operation: str
    channel: Literal["browser", "desktop"]
    request: str = "request"
    steps: tuple[Step, ...] = Field(min_length=1)
    result: Annotated[dict[str, Any], AfterValidator(_templates)] = Field(default={})

    def all_steps(self) -> Iterator[Step]:
        """Every step, those inside loops and conditions included, in the order of the file."""
        yield from _flat(self.steps)


def _flat(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        act = step.act
        if isinstance(act, (ForEach, When)):
            yield from _flat(act.steps)


def _strings(shape: object) -> Iterator[str]:
    if isinstance(shape, str):
        yield shape
    elif isinstance(shape, Mapping):
        for value in shape.values():
            yield from _strings(value)
    elif isinstance(shape, (list, tuple)):
        for value in shape:
            yield from _strings(value)


ForEach.model_rebuild()
When.model_rebuild()
