"""A demonstration of a bot: its vendors' sandboxes as processes, struck by faults act by act, and the books proved."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import httpx
from pydantic import Field
from ruamel.yaml import YAML

from tandem.errors import StoreError, UsageError
from tandem.text import tr
from tandem.workspace.founding import found
from tandem.workspace.roots import FILE, Roots
from tandem.workspace.strict import Strict, Title
from tandem.workspace.vendor import VENDOR, vendors
from tandem.workspace.workspace import Workspace

_START_S = 60.0


class Act(Strict):
    """Some of the orders under some faults. ``orders`` None: all that the other acts leave.

    ``faults``: for each role, rules as ``tandem sandbox --fault`` takes them.
    """

    title: Title
    orders: int | None = Field(default=None, ge=0)
    concurrency: int = Field(default=16, ge=1)
    faults: dict[str, tuple[str, ...]] = Field(default_factory=dict)


class Proof(Strict):
    """Where the books are counted: the ``role`` whose sandbox has them, and the names in its census.

    ``duplicates`` lists the references that stand more than once. ``step`` is the step of a run that makes a document,
    such as ``erp.sales_order.create``.
    """

    role: str
    step: str
    documents: str
    void: str
    duplicates: str


class Times(Strict):
    """Seconds that take the place of the vendors' own, so that a demonstration need not wait for an hour."""

    settle_s: float = Field(gt=0)
    late_s: float = Field(gt=0)
    round_waits_s: tuple[float, ...] = (1.0,)


class Demonstration(Strict):
    """``demo.yaml`` of a bot: how many orders are generated, from which seed, the acts, and the proof."""

    format: Literal[1]
    orders: int = Field(ge=1)
    seed: int
    times: Times
    proof: Proof
    acts: tuple[Act, ...] = Field(min_length=1)

    def shares(self, total: int) -> list[int]:
        """How many orders each act gets, of ``total``."""
        left = max(0, total - sum(act.orders or 0 for act in self.acts))
        shares, remaining = [], total
        for act in self.acts:
            share = min(remaining, left if act.orders is None else act.orders)
            shares.append(share)
            remaining -= share
        return shares


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox in a process of its own."""

    vendor: str
    url: str

    def strike(self, rules: Sequence[str]) -> None:
        """Put these fault rules in force instead of all others."""
        httpx.delete(f"{self.url}/_sandbox/faults", timeout=10).raise_for_status()
        if rules:
            answer = httpx.post(f"{self.url}/_sandbox/faults", json={"rules": list(rules)}, timeout=10)
            if answer.status_code != 200:
                raise UsageError("A fault of the demonstration is not valid: {why}", why=answer.json().get("error"))

    def census(self) -> Mapping[str, Any]:
        """The counts of the sandbox's own tables."""
        data: dict[str, Any] = httpx.get(f"{self.url}/_sandbox/census", timeout=60).json()
        return data


@dataclass(frozen=True)
class Stage:
    """A workspace whose systems are running sandboxes, by the name of the system."""

    workspace: Workspace
    sandboxes: Mapping[str, RunningSandbox]

    def strike(self, faults: Mapping[str, Sequence[str]]) -> None:
        """Put an act's faults in force; systems it does not name are well."""
        for name, sandbox in self.sandboxes.items():
            sandbox.strike(faults.get(name, ()))


@contextmanager
def staged(
    folder: Path,
    language: str,
    demonstration: Demonstration,
    orders: str,
    switches: Mapping[str, Sequence[str]] = MappingProxyType({}),
    chosen: Sequence[str] = (),
    servers: Mapping[str, str] = MappingProxyType({}),
) -> Iterator[Stage]:
    """A fresh workspace in ``folder`` with a running sandbox for each of its systems.

    ``orders``: a file of invoice lines, or how many to generate. ``switches``: those of each system's sandbox, as
    ``name=value``. ``chosen``: the vendors, by default one for each role. ``servers``: the address of each vendor that
    runs elsewhere. Raises UsageError.
    """
    made = found(folder, language, chosen)
    with ExitStack() as stack:
        running: dict[str, RunningSandbox] = {}
        for system, (vendor, expected_url) in made.systems.items():
            if vendor in servers:
                _move(folder, expected_url, servers[vendor])
            else:
                options = ["--orders", orders, "--seed", str(demonstration.seed), "--language", language]
                options += [word for switch in switches.get(system, ()) for word in ("--switch", switch)]
                running[system] = stack.enter_context(_sandbox(vendor, options))
                _move(folder, expected_url, running[system].url)
            _quicken(folder, vendor, demonstration.times)
        yield Stage(Workspace.load(folder), running)


@contextmanager
def _sandbox(vendor: str, options: Sequence[str]) -> Iterator[RunningSandbox]:
    command = [sys.executable, "-m", "tandem", "sandbox", vendor, *options]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            _, told = process.communicate(timeout=_START_S)
            raise UsageError(
                "{why}", why=told.decode().strip() or tr("The sandbox of {vendor} did not start.", vendor=vendor)
            )
        yield RunningSandbox(vendor, json.loads(line)["url"])
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _move(folder: Path, expected_url: str, url: str) -> None:
    """Let the workspace's system point to where its sandbox listens."""
    parts = httpx.URL(expected_url)
    origin = f"{parts.scheme}://{parts.netloc.decode()}"
    file = folder / FILE
    file.write_text(file.read_text(encoding="utf-8").replace(origin, url.rstrip("/")), encoding="utf-8")


def _quicken(folder: Path, vendor: str, times: Times) -> None:
    """Overlay the vendor's manifest with shorter waits."""
    yaml = YAML()
    source = vendors(Roots.of(None))[vendor]
    VENDOR.read(source)
    manifest = yaml.load(source.read_text(encoding="utf-8"))
    for operation in manifest["operations"].values():
        operation["round_waits_s"] = list(times.round_waits_s)
        if "settle_s" in operation:
            operation.update({"settle_s": times.settle_s, "late_s": times.late_s})
    target = folder / "api_clients" / vendor / "vendor.yaml"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("w", encoding="utf-8") as file:
            yaml.dump(manifest, file)
    except OSError as error:
        raise StoreError("{path} cannot be written: {why}.", path=target, why=error.strerror) from None
