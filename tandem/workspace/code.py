"""Code of vendors and bots: a workspace's folder of a name takes the place of ours of that name, whole.

The built-in ``api_clients``, ``bots`` and ``fixtures`` are packages; a workspace's folders of these names must hold no
``__init__.py`` (they would hide ours from every Python started in the workspace). They are put first on the packages'
``__path__``. A vendor's or bot's own folder that holds code must have an ``__init__.py``: Python prefers a later folder
that has one to an earlier folder that has none.
"""

import importlib
import sys
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from tandem.errors import WorkspaceError
from tandem.workspace.roots import Roots

PACKAGES = ("api_clients", "bots", "fixtures")


def overlay(roots: Roots) -> None:
    """Let imports of vendors and bots find these roots from now on, in their order."""
    for name in PACKAGES:
        package = importlib.import_module(name)
        path = [str(root / name) for root in roots.folders if (root / name).is_dir()]
        if list(package.__path__) != path:
            package.__path__ = path
            importlib.invalidate_caches()
            _forget_replaced(name, path)


def module(package: str, owner: str, name: str) -> ModuleType | None:
    """The module ``<package>.<owner>.<name>``; None when there is no such file.

    Raises WorkspaceError when the module cannot be imported.
    """
    full_name = f"{package}.{owner}.{name}"
    try:
        return importlib.import_module(full_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (full_name == error.name or full_name.startswith(f"{error.name}.")):
            return None
        raise _broken(full_name, error) from error
    except Exception as error:  # the module is the user's: it may raise anything
        raise _broken(full_name, error) from error


def _broken(full_name: str, error: Exception) -> WorkspaceError:
    return WorkspaceError(
        "The module {module} cannot be imported: {kind}: {why}. Correct it, or install what it needs.",
        module=full_name,
        kind=type(error).__name__,
        why=str(error).splitlines()[0] if str(error) else "",
    )


def _forget_replaced(package: str, path: list[str]) -> None:
    """Drop the modules of every vendor or bot that is now found elsewhere than it was imported from."""
    owners = {name.split(".")[1] for name in sys.modules if name.startswith(f"{package}.")}
    for owner in owners:
        full_name = f"{package}.{owner}"
        found = PathFinder.find_spec(full_name, path)
        if found is None or _origin(found) != _origin(sys.modules[full_name].__spec__):
            for name in [name for name in sys.modules if name == full_name or name.startswith(f"{full_name}.")]:
                del sys.modules[name]


def _origin(spec: ModuleSpec | None) -> list[str]:
    """Where a module or package lies; a folder without code has no file of its own, only places."""
    if spec is None:
        return []
    return [spec.origin] if spec.origin else list(spec.submodule_search_locations or [])
