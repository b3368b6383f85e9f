"""Why a value does not fit where it stands, in words of our own instead of pydantic's."""

from pydantic_core import ErrorDetails

from tandem.text import tr


def why(detail: ErrorDetails) -> str:
    """The reason as the end of a sentence without its full stop, such as ``it must be a whole number``.

    The value is not repeated: it may be secret or personal.
    """
    context = {name: str(value) for name, value in detail.get("ctx", {}).items()}
    kind = detail["type"]
    if kind == "value_error":
        return context["error"].rstrip(".")
    if kind in _LIMITS:
        sign, name = _LIMITS[kind]
        return tr("it must be {sign} {limit}", sign=sign, limit=context[name])
    if kind == "string_pattern_mismatch":
        return tr("it must match {pattern}", pattern=context["pattern"])
    if kind == "literal_error":
        return tr("valid values are {valid}", valid=context["expected"].replace(" or ", ", ").replace("'", ""))
    return _plain(kind)


def _plain(kind: str) -> str:
    words = {
        "missing": tr("it is missing"),
        "extra_forbidden": tr("there is no such field"),
        "string_too_short": tr("it is empty or too short"),
        "string_too_long": tr("it is too long"),
        "too_short": tr("it has too few entries"),
        "too_long": tr("it has too many entries"),
        "finite_number": tr("it must be a finite number"),
        "string_type": tr("it must be text; put it in quotes"),
        "json_invalid": tr("it is not valid JSON"),
    }
    return words.get(kind) or _of_type(kind)


def _of_type(kind: str) -> str:
    words = {
        "int": tr("it must be a whole number"),
        "float": tr("it must be a number"),
        "decimal": tr("it must be a number"),
        "bool": tr("it must be true or false"),
        "date": tr("it must be a day such as 2026-01-31"),
        "datetime": tr("it must be a day and time such as 2026-01-31T08:00:00Z"),
        "path": tr("it must be a path"),
        "tuple": tr("it must be a list"),
        "list": tr("it must be a list"),
        "dict": tr("it must be a block of keys"),
        "model": tr("it must be a block of keys"),
    }
    return words.get(kind.split("_", 1)[0]) or tr("it is of the wrong kind")


_LIMITS = {
    "greater_than": (">", "gt"),
    "greater_than_equal": (">=", "ge"),
    "less_than": ("<", "lt"),
    "less_than_equal": ("<=", "le"),
}
"""Kinds of pydantic: the sign, and where pydantic keeps the limit."""
