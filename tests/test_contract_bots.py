"""What every bot owes the engine, whichever it is: checked for all that are found, without naming one."""

import inspect
from datetime import datetime
from itertools import chain
from typing import Any, get_type_hints

import pytest

from fixtures.sandbox.faults import parse_rule
from tandem.domain.operation import operation_named
from tandem.domain.record import Record
from tandem.engine.bot import BotResult, Changes
from tandem.engine.run import Run
from tandem.workspace import code
from tandem.workspace.bot import FOLDER, BotManifest, bots, manifest_of
from tandem.workspace.cross_reference import CrossReferences
from tandem.workspace.demonstration import Demonstration
from tandem.workspace.formats import Format
from tandem.workspace.roots import BUILT_IN, Roots
from tandem.workspace.rules import bots as rules
from tandem.workspace.rules.names import known_operations
from tandem.workspace.vendor import vendor_named, vendors

ROOTS = Roots.of(None)
NAMES = sorted(bots(ROOTS))


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def manifest(name: str) -> BotManifest:
    return manifest_of(name, ROOTS)


@pytest.fixture
def module(name: str) -> Any:
    return code.module(FOLDER, name, "process")


def test_every_folder_of_a_bot_is_found() -> None:
    there = {path.name for path in (BUILT_IN / FOLDER).iterdir() if path.is_dir() and path.name[0] not in "_."}
    assert there == set(NAMES) != set()


def test_manifest_mapping_and_other_files_are_without_a_mistake(name: str, manifest: BotManifest) -> None:
    assert [str(mistake) for mistake in rules.mistakes(ROOTS) if f"/{name}/" in str(mistake)] == []
    assert manifest.bot == name
    assert all(manifest.title.model_dump().values())


def test_work_item_has_a_business_key(module: Any) -> None:
    assert issubclass(module.Item, Record)
    assert get_type_hints(module.Item.business_key.fget)["return"] is str


def test_process_is_an_async_function_of_the_run_and_what_the_engine_has_for_it(name: str, module: Any) -> None:
    assert inspect.iscoroutinefunction(module.process)
    hints = get_type_hints(module.process)
    assert issubclass(hints.pop("return"), BotResult)
    assert hints.pop("run") is Run
    mapping, references = hints.pop("mapping", None), hints.pop("references", None)
    assert hints == {}, "the engine has nothing else to give"
    assert mapping is getattr(code.module(FOLDER, name, "mapping"), "Mapping", None)
    wanted = {member for member in vars(references or object) if not member.startswith("_")}
    assert wanted <= set(dir(CrossReferences))


def test_poll_gives_changes_since_a_watermark(module: Any) -> None:
    poll = getattr(module, "poll", None)
    if poll is None:
        return
    assert inspect.iscoroutinefunction(poll)
    assert get_type_hints(poll) == {"run": Run, "since": datetime | None, "return": Changes}


def test_operations_of_every_role_are_declared_and_offered_by_a_vendor_in_it(manifest: BotManifest) -> None:
    known = known_operations()
    for role, operations in manifest.roles.items():
        assert [operation for operation in operations if operation not in known] == []
        needed = {*operations, *_looked_up(operations)}
        offering = [vendor_named(vendor, ROOTS).manifest for vendor in vendors(ROOTS)]
        playing = [vendor for vendor in offering if role in vendor.roles]
        assert any(needed <= set(vendor.operations) for vendor in playing), f"no vendor plays {role}"


def _looked_up(operations: tuple[str, ...]) -> set[str]:
    """The read-backs and compensations of these operations."""
    declared = [operation_named(operation) for operation in operations]
    return {name for each in declared for name in (each.read_back, each.compensated_by) if name}


def test_demonstration_strikes_and_proves_roles_of_the_bot(name: str, manifest: BotManifest) -> None:
    path = ROOTS.file(FOLDER, name, "demo.yaml")
    if path is None:
        return
    demo = Format("demo", Demonstration).read(path)
    assert demo.proof.role in manifest.roles
    role, _, operation = demo.proof.step.partition(".")
    assert operation in manifest.roles[role]
    assert sum(demo.shares(demo.orders)) == demo.orders
    for act in demo.acts:
        assert set(act.faults) <= set(manifest.roles)
        for rule in chain.from_iterable(act.faults.values()):
            parse_rule(rule)
