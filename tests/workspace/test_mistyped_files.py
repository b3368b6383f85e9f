"""Every key of every kind of workspace file, dropped, misspelt or of a wrong type: told in one line, or optional."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from bots.sales_order_sync.mapping import Mapping
from tandem import document
from tandem.workspace.catalogue import FORMATS
from tandem.workspace.demonstration import Demonstration
from tandem.workspace.formats import Examined, Format
from tandem.workspace.founding import found
from tandem.workspace.roots import BUILT_IN

Place = tuple[int | str, ...]
OWN = {"mapping": Format("mapping", Mapping), "demo": Format("demo", Demonstration)}
NAMES = {
    "bots",
    "headers",
    "schedules",
    "webhooks",
    "item",
    "items",
    "systems",
    "settings",
    "operations",
    "roles",
    "elements",
    "tables",
    "columns",
    "messages",
    "params",
    "poll",
    "products",
    "result",
    "units",
    "faults",
}
"""Blocks whose keys are names a user gives; what names them elsewhere is checked between the files."""
SHAPES = {"settings", "result", "collect"}
"""Blocks of any shape as far as the file alone can tell."""
MORE = {
    "schedules": {
        "night": {
            "bot": "sales_order_sync",
            "start": "changed",
            "cron": "0 2 * * *",
            "time_zone": "Asia/Shanghai",
            "days": "working",
            "calendar": "china",
            "misfire": "run_once",
            "misfire_grace": "1d",
            "misfire_limit": 10,
            "overlap": "skip",
        },
        "hourly": {"bot": "sales_order_sync", "items": [{"order": "1"}], "every": "1h"},
    },
    "webhooks": {
        "order": {
            "bot": "sales_order_sync",
            "item": {"order": "order.id"},
            "proof": {"kind": "hmac", "secret": "env:SECRET", "window": "5m"},
        }
    },
    "server": {"host": "127.0.0.1", "port": 8090, "max_body_bytes": 1000},
}
API = {
    "timeouts": {"connect_s": 5, "read_s": 30, "write_s": 30, "pool_s": 10},
    "quota": {"calls_per_s": 5, "concurrent": 16},
    "headers": {"X-Company": "acme"},
}


def files(name: str, folder: Path) -> list[Any]:
    """The data of all files of a kind that come with Tandem, the smallest first; of tandem.yaml, that of a new one."""
    if name == "tandem":
        found(folder / "acme", "en")
        data = document.load(folder / "acme" / "tandem.yaml").data | MORE
        data["systems"]["crm"]["api"].update(API)
        return [data]
    patterns = {
        "vendor": "api_clients/*/vendor.yaml",
        "bot": "bots/*/bot.yaml",
        "mapping": "bots/*/mapping.yaml",
        "demo": "bots/*/demo.yaml",
        "recording": "recordings/*/*.yaml",
        "selectors": "selectors/*/*.yaml",
        "selectors.desktop": "selectors/*/*.desktop.yaml",
    }
    paths = [path for path in BUILT_IN.glob(patterns[name]) if name != "selectors" or ".desktop." not in path.name]
    return [document.load(path).data for path in sorted(paths, key=lambda path: (path.stat().st_size, path))]


def places(node: Any, at: Place = ()) -> Iterator[Place]:
    if isinstance(node, (dict, list)):
        for part, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield (*at, part)
            yield from places(value, (*at, part))


def kind_of(place: Place) -> Place:
    """The place in the format: without the numbers of lists, the names users give and the nesting of steps."""
    kind = tuple(
        "*" if isinstance(part, int) or (index and place[index - 1] in NAMES) else part
        for index, part in enumerate(place)
    )
    deepest = max((index for index, part in enumerate(kind) if part == "steps"), default=0)
    return kind[deepest:]


def at(node: Any, place: Place) -> Any:
    for part in place:
        node = node[part]
    return node


def changed(data: Any, place: Place, change: Any) -> Any:
    """A copy in which ``change`` is done to the block or list that holds a place."""
    copy = deepcopy(data)
    change(at(copy, place[:-1]), place[-1])
    return copy


def dropped(holder: Any, part: int | str) -> None:
    del holder[part]


def misspelt(holder: Any, part: int | str) -> None:
    entries = [(f"{key}q" if key == part else key, value) for key, value in holder.items()]
    holder.clear()
    holder.update(entries)


def emptied(holder: Any, part: int | str) -> None:
    holder[part] = None


def mistyped(holder: Any, part: int | str) -> None:
    """A block for a single value, a single value for a block or list, a truth for a number."""
    value = holder[part]
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        holder[part] = True
    else:
        holder[part] = 7 if isinstance(value, (dict, list)) else {"key": "value"}


def is_name(place: Place) -> bool:
    """Whether the key is a name that a user gives."""
    blocks = [part for part in place[:-1] if isinstance(part, str)]
    return not NAMES.isdisjoint(blocks[-1:]) or blocks[-2:-1] == ["bots"]


def is_free(place: Place) -> bool:
    return not SHAPES.isdisjoint(map(str, place[:-1]))


class Judge:
    """What checking a file says of its mistakes."""

    def __init__(self, form: Format[Any], path: Path) -> None:
        self._form, self._path = form, path

    def told(self, data: Any) -> list[str]:
        """The sentences, each with its line; none for a file that is accepted. A line break in one is a failure."""
        self._path.write_text(json.dumps(data, ensure_ascii=False, indent=1), encoding="utf-8")
        result = self._form.examine(self._path)
        if isinstance(result, Examined):
            return []
        sentences = [str(error).removeprefix(f"{self._path}:") for error in result]
        assert all(sentence.split(":", 1)[0].isdigit() and "\n" not in sentence for sentence in sentences), sentences
        return sentences


@pytest.mark.slow
@pytest.mark.parametrize("name", [*sorted(set(FORMATS) - {"calendar"}), *OWN])
def test_every_key_is_optional_or_its_mistake_is_told_in_one_line(name: str, tmp_path: Path) -> None:
    judge = Judge(FORMATS.get(name) or OWN[name], tmp_path / "file.yaml")
    seen: set[Place] = set()
    wrong: list[str] = []
    for data in files(name, tmp_path):
        assert judge.told(data) == []
        for place in places(data):
            if kind_of(place) in seen:
                continue
            seen.add(kind_of(place))
            wrong += [f"{place}: {why}" for why in judged(judge, data, place)]
    assert wrong == []


def judged(judge: Judge, data: Any, place: Place) -> Iterator[str]:
    """What checking the file says wrongly, or not at all, of mistakes made at this place."""
    key = str(place[-1])
    lacking = judge.told(changed(data, place, dropped))
    if len(lacking) > 1:
        yield f"dropped: {lacking}"
    if isinstance(place[-1], str) and not is_name(place) and not is_free(place):
        told = judge.told(changed(data, place, misspelt))
        if len(told) != 1 or f"{key}q is not a known key." not in told[0]:
            yield f"misspelt: {told}"
    if is_free(place):
        return
    empty = judge.told(changed(data, place, emptied))
    if not empty and lacking:
        yield "empty is accepted, though it must be there"
    told = judge.told(changed(data, place, mistyped))
    if not told or not any(part in told[0] for part in (f"{key} is ", f"{key}: ", f"{key}.")):
        yield f"mistyped: {told}"
