"""A vendor's sandbox: ``fixtures/<vendor>/sandbox.py``, made as ``fixtures/sandbox/__init__.py`` says."""

import importlib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any

from tandem.document import closest
from tandem.errors import NotOffered, UsageError
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
    paths = [path for root in roots.folders for path in (root / FOLDER).glob(f"*/{MODULE}.py")]
    return sorted({path.parent.name for path in paths})


def serve(vendor: str, options: SandboxOptions, roots: Roots) -> None:
    """Serve a vendor's sandbox until interrupted. Raises UsageError."""
    module = _module(vendor, roots)
    serving, faulting, retail = _shared("serve"), _shared("faults"), _retail()
    try:
        data = _orders(retail, options)
        plan = faulting.FaultPlan(options.faults, seed=options.seed)
        switches = _switches(module.Switches, options.switches)
        app = module.build(data, plan, switches, language=options.language)
        credentials = getattr(app.state, "credentials", module.CREDENTIALS)
        announce = {"vendor": vendor, "credentials": credentials}
        serving.run(app, port=options.port, tls=options.tls, announce=announce)
    except (retail.RetailFileError, faulting.FaultRuleError, serving.ServeError) as error:
        raise UsageError("{why}", why=error) from None


def fault_table() -> str:
    """The kinds of fault a sandbox can show, a line each."""
    table: str = _shared("kinds").table()
    return table


def _module(vendor: str, roots: Roots) -> ModuleType:
    known = sandboxes(roots)
    if vendor not in known:
        raise UsageError(
            "There is no sandbox of {vendor}. Sandboxes: {valid}.{guess}",
            vendor=vendor,
            valid=", ".join(known) or "none",
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


def _retail() -> Any:
    return importlib.import_module(f"{FOLDER}.retail")


def _orders(retail: Any, options: SandboxOptions) -> Any:
    if options.orders.isdigit():
        return retail.generate(int(options.orders), options.seed)
    return retail.load(Path(options.orders))


def _switches(model: Any, given: Sequence[str]) -> Any:
    """The sandbox's switches, typed as their defaults are."""
    defaults = model()
    known = [field.name for field in fields(model)]
    chosen: dict[str, Any] = {}
    for word in given:
        name, _, value = word.partition("=")
        if name not in known:
            raise UsageError(
                "There is no switch {name}. Switches: {valid}.{guess}",
                name=name,
                valid=", ".join(f"{switch}={getattr(defaults, switch)}" for switch in known) or "none",
                guess=closest(name, known),
            )
        chosen[name] = _typed(name, value, getattr(defaults, name))
    return model(**chosen)


def _typed(name: str, value: str, default: object) -> object:
    if isinstance(default, bool):
        if value not in ("true", "false"):
            raise UsageError("Switch {name} is {value}. Valid values: true, false.", name=name, value=value or "empty")
        return value == "true"
    if isinstance(default, (int, float)):
        try:
            return type(default)(value)
        except ValueError:
            raise UsageError(
                "Switch {name} is {value}. A number is expected.", name=name, value=value or "empty"
            ) from None
    return value
