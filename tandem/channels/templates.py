"""Templates in recordings and selectors: Jinja2, sandboxed, where a name that is not there is a mistake."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, meta, nodes
from jinja2.environment import TemplateExpression
from jinja2.sandbox import ImmutableSandboxedEnvironment

_ENVIRONMENT = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, keep_trailing_newline=True)
Path = tuple[int | str, ...]
_ONE_EXPRESSION = re.compile(r"\s*\{\{((?:(?!\}\}|\{\{).)*)\}\}\s*", re.DOTALL)


def render(template: str, context: Mapping[str, Any]) -> str:
    """The template's text. Raises jinja2.TemplateError (a name that is not there, a forbidden attribute)."""
    return _template(template).render(context) if "{" in template else template


def evaluate(expression: str, context: Mapping[str, Any]) -> Any:
    """The value of one expression, such as ``order.lines``. Raises jinja2.TemplateError."""
    value = _expression(expression)(context)
    if isinstance(value, StrictUndefined):
        value._fail_with_undefined_error()
    return value


def build(shape: Any, context: Mapping[str, Any]) -> Any:
    """Nested lists and mappings with every template filled in; one lone ``{{ expression }}`` keeps its type."""
    if isinstance(shape, Mapping):
        return {key: build(value, context) for key, value in shape.items()}
    if isinstance(shape, (list, tuple)):
        return [build(item, context) for item in shape]
    if not isinstance(shape, str):
        return shape
    lone = _ONE_EXPRESSION.fullmatch(shape)
    return evaluate(lone.group(1), context) if lone else render(shape, context)


def fault(template: str, *, expression: bool = False) -> str | None:
    """Why this cannot be a template (or expression); None when it can."""
    try:
        _expression(template) if expression else _template(template)
    except TemplateError as error:
        return error.message or "not a template"
    return None


def names(template: str, *, expression: bool = False) -> Iterator[Path]:
    """What a template (or expression) asks of its context, longest first: ``{{ a.b[0].c }}`` gives ``a, b, 0, c``, then
    ``a, b, 0`` and so on.
    """
    tree = _ENVIRONMENT.parse("{{ " + template + " }}" if expression else template)
    asked = meta.find_undeclared_variables(tree)
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Getitem)):
        path = _path(node)
        if path and path[0] in asked:
            yield path


def _path(node: nodes.Node) -> Path:
    """The names and indices from the context to a node; empty when something else stands between them."""
    if isinstance(node, nodes.Name):
        return (node.name,)
    if isinstance(node, nodes.Getattr):
        inner, last = _path(node.node), node.attr
    elif isinstance(node, nodes.Getitem) and isinstance(node.arg, nodes.Const):
        inner, last = _path(node.node), node.arg.value
    else:
        return ()
    return (*inner, last) if inner else ()


@cache
def _template(text: str) -> Template:
    return _ENVIRONMENT.from_string(text)


@cache
def _expression(text: str) -> TemplateExpression:
    return _ENVIRONMENT.compile_expression(text, undefined_to_none=False)
