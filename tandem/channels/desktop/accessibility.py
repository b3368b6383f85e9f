"""The accessibility tree of one program (AT-SPI over D-Bus): elements by role and name, texts read and set exactly.

Roles are those of AT-SPI in English: ``text``, ``password text``, ``button``, ``label``, ``dialog``.
Source: the interface descriptions of at-spi2-core 2.46 (org.a11y.atspi.Accessible, Text, EditableText, Action).
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from dbus_fast import AuthError, Message, MessageType
from dbus_fast.aio import MessageBus

from tandem.channels.desktop.driver import Box
from tandem.channels.desktop.settings import ANSWERS_WITHIN_S

_ACCESSIBLE = "org.a11y.atspi.Accessible"
_TEXT, _EDITABLE = "org.a11y.atspi.Text", "org.a11y.atspi.EditableText"
_TABLE = "org.a11y.atspi.Table"
_ACTION, _COMPONENT = "org.a11y.atspi.Action", "org.a11y.atspi.Component"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_REGISTRY, _ROOT = "org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root"
_LEAVES = frozenset({"text", "password text", "button", "push button", "label", "menu item", "separator"})
_WINDOWS = frozenset({"frame", "dialog", "alert", "window"})
_NAMELESS = frozenset({"filler", "panel", "label", "scroll pane", "separator", "viewport"})
_POPUP = "window"
"""An open menu: it has no name, and lies over the window it belongs to."""
_UNTITLED = "alert"
"""A message box without a title: its kind is its name in the tree, and its window has none."""
CELL = "table cell"
_NAMED_BY_TEXT = frozenset({"label", "button", "push button", "menu item", CELL})
_TABLES, _MOST_CELLS = frozenset({"table", "tree table"}), 400
"""Of a long list so many cells are walked; the others are reached by row and column."""
_LABELLED_BY = 2
_SHOWING, _ENABLED, _FOCUSED, _READ_ONLY = 1 << 25, 1 << 8, 1 << 12, 1 << 43
_AT_ONCE = 32
"""Questions under way: dbus-fast ends the connection when the socket takes no more (EAGAIN), at some 200 of them."""


class TreeError(Exception):
    """The program did not answer, or refused. ``why`` holds no text of a field."""


@dataclass(frozen=True)
class Node:
    """One element, as it was when the tree was walked. ``above``: the names of those it is in, the nearest last."""

    path: str
    role: str
    name: str
    above: tuple[str, ...] = ()


class Tree:
    """The tree of one program. Nodes are remembered per window and looked up again when they have changed."""

    def __init__(self, bus: MessageBus, program: str, within_s: float) -> None:
        self._bus = bus
        self._program = program
        self._within_s = within_s
        self._nodes: dict[str, list[Node]] = {}
        self._turns = asyncio.Semaphore(_AT_ONCE)

    @classmethod
    async def of(cls, session_bus: str, pid: int, within_s: float = ANSWERS_WITHIN_S) -> "Tree | None":
        """The tree of this process, which answers within this time; None when it offers none. Raises TreeError."""
        session = await _connected(session_bus)
        try:
            (address,) = await _call(session, "org.a11y.Bus", "/org/a11y/bus", "org.a11y.Bus", "GetAddress")
        finally:
            session.disconnect()
        bus = await _connected(address)
        (programs,) = await _call(bus, _REGISTRY, _ROOT, _ACCESSIBLE, "GetChildren")
        for program, _ in programs:
            asked = ("GetConnectionUnixProcessID", "s", program)
            (owner,) = await _call(bus, "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", *asked)
            if owner == pid:
                return cls(bus, program, within_s)
        bus.disconnect()
        return None

    def close(self) -> None:
        self._bus.disconnect()

    async def find(
        self, title: str, role: str, names: Collection[str] | None, inside: Collection[str] | None = None
    ) -> list[Node]:
        """The elements shown in the window of this title with this role and, if given, one of these names.

        ``inside``: names one of which an element above them must have.
        """
        known = [node for node in self._nodes.get(title, ()) if _fits(node, role, names, inside)]
        if known and all([await self._still(node) for node in known]):
            return known
        self._nodes[title] = await self._walk_window(title)
        found = [node for node in self._nodes[title] if _fits(node, role, names, inside)]
        return [node for node in found if await self._state(node.path) & _SHOWING]

    async def text(self, node: Node) -> str:
        """The element's content; its name when it has no text of its own."""
        if node.role in _NAMED_BY_TEXT:
            return node.name
        if node.role in _WINDOWS:
            return " ".join([each.name for each in await self._walk(node.path) if each.role == "label" and each.name])
        (text,) = await self._call(node.path, _TEXT, "GetText", "ii", 0, -1)
        return str(text)

    async def editable(self, node: Node) -> bool:
        state = await self._state(node.path)
        return bool(state & _ENABLED) and not state & _READ_ONLY

    async def set_text(self, node: Node, text: str) -> None:
        (done,) = await self._call(node.path, _EDITABLE, "SetTextContents", "s", text)
        if not done:
            raise TreeError("the text was not accepted")

    async def press(self, node: Node) -> None:
        """Carry out the element's own first action."""
        (done,) = await self._call(node.path, _ACTION, "DoAction", "i", 0)
        if not done:
            raise TreeError("the action was refused")

    async def focus(self, node: Node) -> None:
        await self._call(node.path, _COMPONENT, "GrabFocus")

    async def has_focus(self, node: Node) -> bool:
        return bool(await self._state(node.path) & _FOCUSED)

    async def box(self, node: Node) -> Box:
        """Where the element is on the screen."""
        ((x, y, width, height),) = await self._call(node.path, _COMPONENT, "GetExtents", "u", 0)
        return Box(x, y, width, height)

    async def row_count(self, table: Node) -> int:
        """How many rows the table has, shown now or not."""
        (count,) = await self._call(table.path, _PROPERTIES, "Get", "ss", _TABLE, "NRows")
        return int(count.value)

    async def headings(self, table: Node) -> list[str]:
        """The headings of the table's columns, from left to right."""
        (count,) = await self._call(table.path, _PROPERTIES, "Get", "ss", _TABLE, "NColumns")
        found = []
        for column in range(count.value):
            ((_, heading),) = await self._call(table.path, _TABLE, "GetColumnHeader", "i", column)
            found.append(await self._name(heading))
        return found

    async def cell(self, table: Node, row: int, column: int) -> Node:
        """A cell of the table, both counted from 0. Its name is all that is written in it."""
        ((_, path),) = await self._call(table.path, _TABLE, "GetAccessibleAt", "ii", row, column)
        words = [node.name for node in await self._walk(path)]
        return Node(path, CELL, " ".join(word for word in words if word))

    async def nodes(self, title: str) -> list[Node]:
        """All elements of the window of this title."""
        return await self._walk_window(title)

    async def _still(self, node: Node) -> bool:
        try:
            return await self._named(node.path, node.role) == node.name and bool(
                await self._state(node.path) & _SHOWING
            )
        except TreeError:
            return False

    async def _walk_window(self, title: str) -> list[Node]:
        (windows,) = await self._call(_ROOT, _ACCESSIBLE, "GetChildren")
        found: list[Node] = []
        for _, path in windows:
            name, role = await asyncio.gather(self._name(path), self._role(path))
            if name == title or (not name and role == _POPUP) or (not title and role == _UNTITLED):
                found += await self._walk(path)
        return found

    async def _walk(self, path: str, above: tuple[str, ...] = ()) -> list[Node]:
        role = await self._role(path)
        name, state = await asyncio.gather(self._named(path, role), self._state(path))
        node = Node(path, role, name, above)
        if role in _LEAVES or not state & _SHOWING:
            return [node]
        (children,) = await self._call(path, _ACCESSIBLE, "GetChildren")
        if role in _TABLES:
            children = children[:_MOST_CELLS]
        below = await asyncio.gather(*(self._walk(child, (*above, name)) for _, child in children))
        return [node, *(node for nodes in below for node in nodes)]

    async def _role(self, path: str) -> str:
        return str((await self._call(path, _ACCESSIBLE, "GetRoleName"))[0])

    async def _named(self, path: str, role: str) -> str:
        """The element's own name; else that of its label, its tooltip, or what stands in it while it is empty."""
        own = await self._name(path)
        if own or role in _NAMELESS:
            return own
        (relations,) = await self._call(path, _ACCESSIBLE, "GetRelationSet")
        labels = [label for kind, labels in relations if kind == _LABELLED_BY for _, label in labels]
        if labels:
            return await self._name(labels[0])
        (attributes,) = await self._call(path, _ACCESSIBLE, "GetAttributes")
        return await self._property(path, "Description") or str(attributes.get("placeholder-text", ""))

    async def _name(self, path: str) -> str:
        return await self._property(path, "Name")

    async def _property(self, path: str, name: str) -> str:
        (found,) = await self._call(path, _PROPERTIES, "Get", "ss", _ACCESSIBLE, name)
        return str(found.value)

    async def _state(self, path: str) -> int:
        ((low, high),) = await self._call(path, _ACCESSIBLE, "GetState")
        return int(low) | int(high) << 32

    async def _call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> list[Any]:
        asked = (self._program, path, interface, member, signature)
        async with self._turns:
            return await _call(self._bus, *asked, *body, within_s=self._within_s)


def _fits(node: Node, role: str, names: Collection[str] | None, inside: Collection[str] | None) -> bool:
    named = node.role == role and (names is None or node.name in names)
    return named and (inside is None or any(name in inside for name in node.above))


async def _connected(address: str) -> MessageBus:
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            return await MessageBus(bus_address=address).connect()
    except TimeoutError:
        raise TreeError("the accessibility bus does not answer") from None
    except (OSError, EOFError, AuthError) as error:
        raise TreeError(f"the accessibility bus has ended ({type(error).__name__})") from None


async def _call(
    bus: MessageBus,
    to: str,
    path: str,
    interface: str,
    member: str,
    signature: str = "",
    *body: object,
    within_s: float = ANSWERS_WITHIN_S,
) -> list[Any]:
    message = Message(
        destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body)
    )
    try:
        async with asyncio.timeout(within_s):
            answer = await bus.call(message)
    except TimeoutError:
        raise TreeError("the program does not answer") from None
    except (EOFError, OSError) as error:
        raise TreeError(f"the accessibility bus has ended ({type(error).__name__})") from None
    if answer is None or answer.message_type is MessageType.ERROR:
        raise TreeError(f"{member} failed: {answer.error_name if answer else 'no answer'}")
    return list(answer.body)
