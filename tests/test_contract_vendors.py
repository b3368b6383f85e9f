"""What every vendor owes the engine, whichever it is: checked for all that are found, without naming one."""

import inspect
from pathlib import Path
from typing import Any, get_args, get_type_hints

import httpx
import pytest
from pydantic import BaseModel

from fixtures.retail import generate
from fixtures.sandbox.clock import SandboxClock
from fixtures.sandbox.faults import FaultPlan
from fixtures.sandbox.serve import serve
from tandem import document
from tandem.channels.recording import LOGIN
from tandem.domain.operation import Compensable, Document, Found, Operation, Write, operation_named
from tandem.domain.record import Record
from tandem.http.port import HttpPort
from tandem.workspace import code
from tandem.workspace import sandbox as sandboxing
from tandem.workspace.catalogue import RECORDING
from tandem.workspace.configuration import SystemBlock
from tandem.workspace.real import real_servers
from tandem.workspace.roots import BUILT_IN, Roots
from tandem.workspace.rules import folders, screens
from tandem.workspace.rules import vendors as rules
from tandem.workspace.rules.names import known_operations
from tandem.workspace.vendor import Vendor, vendor_named, vendors

ROOTS = Roots.of(None)
NAMES = sorted(vendors(ROOTS))
known_operations()


@pytest.fixture(params=NAMES)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    return vendor_named(request.param, ROOTS)


def pairs() -> list[tuple[str, str]]:
    """Every vendor with every operation it offers."""
    return [(name, operation) for name in NAMES for operation in vendor_named(name, ROOTS).manifest.operations]


def writes() -> list[tuple[str, str]]:
    return [(name, operation) for name, operation in pairs() if operation_named(operation).writes]


def on_screens() -> list[tuple[str, str, Any]]:
    """Every rung of every ladder that is a recording."""
    ladders = [
        (name, operation, vendor_named(name, ROOTS).manifest.operations[operation]) for name, operation in pairs()
    ]
    return [
        (name, operation, channel) for name, operation, rungs in ladders for channel in rungs.ladder if channel != "api"
    ]


def lacking(kind: type, protocol: type) -> set[str]:
    """The members of a protocol that a model has neither as a field nor as a property or method."""
    members = {name for name in vars(protocol) if not name.startswith("_")}
    assert members
    return {name for name in members if name not in kind.model_fields and not hasattr(kind, name)}


def test_every_folder_of_a_vendor_belongs_to_one_that_is_found() -> None:
    assert NAMES
    for folder in ("api_clients", "selectors", "recordings", "fixtures"):
        shared = {"sandbox"} if folder == "fixtures" else set()
        there = {path.name for path in (BUILT_IN / folder).iterdir() if path.is_dir() and path.name[0] not in "_."}
        assert there - shared <= set(NAMES), folder


def test_manifest_and_all_its_files_are_without_a_mistake(vendor: Vendor) -> None:
    mistakes = [*folders.mistakes(ROOTS), *rules.mistakes(ROOTS), *screens.mistakes(ROOTS)]
    assert [str(mistake) for mistake in mistakes if f"/{vendor.name}/" in str(mistake)] == []
    assert vendor.manifest.vendor == vendor.name
    assert all(vendor.manifest.title.model_dump().values())


def test_client_is_connected_over_the_port_with_the_vendors_settings(vendor: Vendor) -> None:
    module = vendor.operations_module()
    if module is None:
        assert not any("api" in rungs.ladder for rungs in vendor.manifest.operations.values())
        return
    hints = get_type_hints(module.connect)
    assert list(hints.values()) == [HttpPort, module.Settings, module.Client]
    assert issubclass(module.Settings, BaseModel)
    assert module.Settings.model_config.get("extra") == "forbid"


@pytest.mark.parametrize(("name", "operation"), pairs())
def test_api_rung_takes_the_request_and_gives_the_result_of_its_operation(name: str, operation: str) -> None:
    vendor, declared = vendor_named(name, ROOTS), operation_named(operation)
    if "api" not in vendor.manifest.operations[operation].ladder:
        assert vendor.function(operation) is None, "a function that no ladder names is never called"
        return
    function = vendor.function(operation)
    assert function is not None
    assert inspect.iscoroutinefunction(function)
    hints = get_type_hints(function)
    assert hints.pop("return") is declared.result
    assert list(hints.values()) == [vendor.operations_module().Client, declared.request]
    assert list(inspect.signature(function).parameters) == ["client", "request"]


@pytest.mark.parametrize(("name", "operation", "channel"), on_screens())
def test_screen_rung_is_a_recording_of_its_operation(name: str, operation: str, channel: Any) -> None:
    vendor = vendor_named(name, ROOTS)
    path = vendor.recording(operation, channel)
    assert path is not None
    recording = RECORDING.read(path)
    assert (recording.operation, recording.channel) == (operation, channel)
    described = screens.screens_of(ROOTS, name)[channel]
    opened = [step.act.screen for step in recording.all_steps() if hasattr(step.act, "screen")]
    assert opened
    assert [screen for screen in opened if not described.has(screen)] == []
    assert vendor.recording(LOGIN, channel) is not None, "nobody could log in on this channel"


@pytest.mark.parametrize(("name", "operation"), writes())
def test_write_can_be_read_back_on_as_many_channels(name: str, operation: str) -> None:
    declared, offered = operation_named(operation), vendor_named(name, ROOTS).manifest.operations
    if declared.read_back is None:
        assert len(offered[operation].ladder) == 1
        return
    assert len(offered[operation].ladder) <= len(offered[declared.read_back].ladder)
    assert operation_named(declared.read_back).effect == "read"


@pytest.mark.parametrize("operation", sorted({operation for _, operation in writes()}))
def test_write_knows_how_to_be_found_and_told_apart(operation: str) -> None:
    declared = operation_named(operation)
    assert lacking(declared.request, Write) == set()
    if declared.read_back is None:
        return
    found = operation_named(declared.read_back)
    assert get_type_hints(declared.request.lookup)["return"] is found.request
    assert get_type_hints(declared.request.expected)["return"] is declared.result
    assert lacking(found.result, Found) == set()
    (document_type, _) = get_args(found.result.model_fields["documents"].annotation)
    assert lacking(document_type, Document) == set()


@pytest.mark.parametrize("operation", sorted({operation for _, operation in writes()}))
def test_write_that_can_be_undone_says_how(operation: str) -> None:
    declared: Operation[Record, Record] = operation_named(operation)
    if declared.compensated_by is None:
        assert declared.effect != "create", "what creates a document must say what takes it back"
        return
    assert lacking(declared.result, Compensable) == set()
    undone = operation_named(declared.compensated_by)
    assert get_type_hints(declared.result.compensation)["return"] is undone.request
    offering = [name for name, offered in pairs() if offered == operation]
    assert [name for name in offering if (name, undone.name) not in pairs()] == []


def test_vendor_can_be_tried_on_a_sandbox_or_on_its_real_server(vendor: Vendor) -> None:
    assert vendor.name in {*sandboxing.sandboxes(ROOTS), *real_servers(ROOTS)}


@pytest.mark.parametrize("name", real_servers(ROOTS))
def test_real_server_is_installed_from_pinned_packages_whatever_the_index(name: str) -> None:
    module = code.module("fixtures", name, "real")
    assert module is not None
    pins = module.REQUIREMENTS.read_text(encoding="utf-8")
    packages = [line for line in pins.splitlines() if line and line[0] not in "# "]
    assert packages
    assert [line for line in packages if "==" not in line] == []
    assert pins.count("--hash=sha256:") >= len(packages)
    texts = [pins]
    if module.PACKAGES is not None:
        lock = (module.PACKAGES / "package-lock.json").read_text(encoding="utf-8")
        assert lock.count('"integrity"') > 0
        texts.append("".join(line for line in lock.splitlines() if "resolved" in line))
    assert [text for text in texts if "://" in text] == []
    assert module.TITLE
    assert module.VERSION
    assert isinstance(module.CREDENTIALS, dict)


@pytest.mark.parametrize("name", sandboxing.sandboxes(ROOTS))
def test_sandbox_serves_its_books_and_takes_faults(name: str) -> None:
    module = code.module("fixtures", name, "sandbox")
    assert module is not None
    app = module.build(generate(5, 1), FaultPlan(), module.Switches(), clock=SandboxClock(), language="zh")
    with serve(app) as server:
        census = httpx.get(f"{server.url}/_sandbox/census").json()
        struck = httpx.post(f"{server.url}/_sandbox/faults", json={"rules": ["maintenance:any:1"]}).json()["rules"]
    assert any(isinstance(count, int) and count > 0 for count in census.values()), census
    assert struck == ["maintenance:any:1"]
    assert module.TITLE
    assert isinstance(module.CREDENTIALS, dict)


def test_system_yaml_configures_every_channel_of_the_ladders(vendor: Vendor) -> None:
    path = ROOTS.file("fixtures", vendor.name, "system.yaml")
    assert path is not None
    file = document.load(path)
    block = document.validated(file, SystemBlock)
    assert block.vendor == vendor.name
    assert document.mistakes(file, vendor.settings_model, ("settings",)) == ()
    used = {channel for ladder in vendor.manifest.operations.values() for channel in ladder.ladder}
    assert {channel for channel in used if getattr(block, channel) is None} == set()


def test_vendor_has_tests_of_its_own(vendor: Vendor) -> None:
    assert list((Path(__file__).parent / "vendors").glob(f"test_{vendor.name}*.py"))
