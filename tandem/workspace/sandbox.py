"""A vendor's sandbox: ``fixtures/<vendor>/sandbox.py``, made as ``fixtures/sandbox/__init__.py`` says."""

import importlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError

from tandem import misfit
from tandem.document import closest
from tandem.errors import NotOffered, UsageError
from tandem.text import listed, tr
from tandem.workspace import code
from tandem.workspace.roots import Roots

FOLDER, MODULE = "fixtures", "sandbox"


@dataclass(frozen=True)
class SandboxOptions:
    """``orders``: a file of invoice lines, or how many orders to generate. ``switches``: ``name=value`` each."""

    orders: str
    seed: int
    faults: Sequence[str]
    switches: Sequence[str]
    language: str
    port: int
    tls: bool


def sandboxes(roots: Roots) -> list[str]:
    """The vendors that have a sandbox."""
    return list(roots.owners(FOLDER, f"{MODULE}.py"))


def serve(vendor: str, options: SandboxOptions, roots: Roots) -> None:
    """Serve a vendor's sandbox until interrupted. Raises UsageError."""
    module = _module(vendor, roots)
    serving, faulting = _shared("serve"), _shared("faults")
    data = sample_data(options.orders, options.seed)
    try:
        plan = faulting.FaultPlan(options.faults, seed=options.seed)
        switches = switches_of(module.Switches, options.switches)
        app = module.build(data, plan, switches, language=options.language)
        credentials = getattr(app.state, "credentials", module.CREDENTIALS)
        announce = {"vendor": vendor, "credentials": credentials}
        serving.run(app, port=options.port, tls=options.tls, announce=announce)
    except (faulting.FaultRuleError, serving.ServeError) as error:
        raise UsageError(error.template, **error.fields) from None


def sample_data(orders: str, seed: int) -> Any:
    """The invoices of a file, or as many generated ones as ``orders`` says. Raises UsageError."""
    retail = importlib.import_module(f"{FOLDER}.retail")
    try:
        if re.fullmatch("-?[0-9]+", orders):
            return retail.generate(int(orders), seed)
        return retail.load(Path(orders))
    except retail.RetailFileError as error:
        raise UsageError(error.template, **error.fields) from None


def fault_table() -> str:
    """The kinds of fault a sandbox can show, a line each."""
    table: str = _shared("kinds").table(tr)
    return table


def _module(vendor: str, roots: Roots) -> ModuleType:
    known = sandboxes(roots)
    if vendor not in known:
        raise UsageError(
            "There is no sandbox of {vendor}. Sandboxes: {valid}.{guess}",
            vendor=vendor,
            valid=listed(known),
            guess=closest(vendor, known),
        )
    module = code.module(FOLDER, vendor, MODULE)
    assert module is not None
    return module


def _shared(name: str) -> Any:
    try:
        return importlib.import_module(f"{FOLDER}.sandbox.{name}")
    except ModuleNotFoundError as error:
        raise NotOffered(
            "Sandboxes need the package {package}, which is not installed. Run: pip install 'tandem-rpa[sandbox]'",
            package=error.name,
        ) from None


def switches_of(model: Any, given: Sequence[str]) -> Any:
    """The sandbox's switches as ``name=value`` words give them, each of its declared type. Raises UsageError."""
    defaults, types = model(), get_type_hints(model)
    known = [field.name for field in fields(model)]
    chosen: dict[str, Any] = {}
    for word in given:
        name, _, value = word.partition("=")
        if name not in known:
            raise UsageError(
                "There is no switch {name}. Switches: {valid}.{guess}",
                name=name,
                valid=listed(f"{switch}={getattr(defaults, switch)}" for switch in known),
                guess=closest(name, known),
            )
        chosen[name] = _typed(name, value, types[name])
    return model(**chosen)


def _typed(name: str, text: str, kind: Any) -> object:
    """The value written as ``text``, several separated by commas. Raises UsageError naming what is valid."""
    value: object = text.split(",") if get_origin(kind) is tuple else text
    choices = _choices(kind)
    if choices:
        value = choices.get(text, text)
    try:
        return TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        if choices:
            raise UsageError(
                "Switch {name} is {value}. Valid values: {valid}.{guess}",
                name=name,
                value=text or tr("empty"),
                valid=", ".join(choices),
                guess=closest(text, list(choices)),
            ) from None
        why = misfit.why(error.errors(include_url=False)[0])
        raise UsageError("Switch {name} is {value}: {why}.", name=name, value=text or tr("empty"), why=why) from None


def _choices(kind: Any) -> dict[str, object]:
    """The values of a switch that has few, by how they are written."""
    if kind is bool:
        return {"true": True, "false": False}
    return {str(choice): choice for choice in get_args(kind)} if get_origin(kind) is Literal else {}
