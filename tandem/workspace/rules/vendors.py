"""Rules of vendor.yaml: every rung exists, and no write may descend without a read-back."""

from collections.abc import Iterator

from tandem.document import Document, mistake
from tandem.domain.operation import operation_named
from tandem.errors import WorkspaceError
from tandem.workspace.formats import Examined
from tandem.workspace.roots import Roots
from tandem.workspace.rules.names import known_operations, misnamed, unknown
from tandem.workspace.vendor import VENDOR, Vendor, vendors


def mistakes(roots: Roots) -> Iterator[WorkspaceError]:
    """Mistakes of every vendor's manifest."""
    for name, path in vendors(roots).items():
        found = VENDOR.examine(path)
        yield from _of_vendor(found.file, Vendor(name, found.model, roots)) if isinstance(found, Examined) else found


def _of_vendor(file: Document, vendor: Vendor) -> Iterator[WorkspaceError]:
    if vendor.manifest.vendor != vendor.name:
        yield misnamed(file, "vendor", vendor.manifest.vendor, vendor.name)
    try:
        vendor.operations_module()
    except WorkspaceError as error:
        yield error
        return
    for operation in vendor.manifest.operations:
        yield from _of_operation(file, vendor, operation)


def _of_operation(file: Document, vendor: Vendor, name: str) -> Iterator[WorkspaceError]:
    at = ("operations", name)
    known = known_operations()
    if name not in known:
        yield unknown(file, at, "operation", name, known)
        return
    yield from _missing_rungs(file, vendor, name)
    ladder, operation = vendor.manifest.operations[name].ladder, operation_named(name)
    if len(set(ladder)) < len(ladder):
        yield mistake(
            file, (*at, "ladder"), "the ladder of {operation} names a channel twice. Name each once.", operation=name
        )
    if not operation.writes:
        return
    if operation.read_back is None and len(ladder) > 1:
        yield mistake(
            file,
            (*at, "ladder"),
            "{operation} writes, has more than one rung and no read-back: after an unknown outcome nobody could tell "
            "whether it was written. Keep one channel, or declare a read_back.",
            operation=name,
        )
    if operation.read_back is None and set(ladder) - {"api"}:
        yield mistake(
            file,
            (*at, "ladder"),
            "{operation} writes through a screen and has no read-back: what a screen says is no proof that it was "
            "written. Keep the channel api alone, or declare a read_back.",
            operation=name,
        )
    if operation.read_back is not None and operation.read_back not in vendor.manifest.operations:
        yield mistake(
            file,
            at,
            "{operation} is read back by {read_back}, which this vendor does not offer. Add {read_back} to operations.",
            operation=name,
            read_back=operation.read_back,
        )


def _missing_rungs(file: Document, vendor: Vendor, name: str) -> Iterator[WorkspaceError]:
    for channel in vendor.missing_rungs(name):
        where = f"{vendor.name}/{name}.{channel}.yaml"
        wanted = f"recordings/{where}"
        if channel == "api":
            wanted = f"the function {name.replace('.', '_')} in api_clients/{vendor.name}/operations.py"
        yield mistake(
            file,
            ("operations", name, "ladder"),
            "the ladder of {operation} has the rung {channel}, but {wanted} is not there. Add it, or take the "
            "rung out.",
            operation=name,
            channel=channel,
            wanted=wanted,
        )
