"""The accessibility tree of one program (AT-SPI over D-Bus): elements by role and name, texts read and set exactly.

Roles are those of AT-SPI in English: ``text``, ``password text``, ``button``, ``label``, ``dialog``.
Source: the interface descriptions of at-spi2-core 2.46 (org.a11y.atspi.Accessible, Text, EditableText, Action).
"""

import asyncio
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

from dbus_fast import AuthError, Message, MessageType
from dbus_fast.aio import MessageBus

from tandem.channels.desktop.driver import Box

_ACCESSIBLE = "org.a11y.atspi.Accessible"
_TEXT, _EDITABLE = "org.a11y.atspi.Text", "org.a11y.atspi.EditableText"
_ACTION, _COMPONENT = "org.a11y.atspi.Action", "org.a11y.atspi.Component"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_REGISTRY, _ROOT = "org.a11y.atspi.Registry", "/org/a11y/atspi/accessible/root"
_LEAVES = frozenset({"text", "password text", "button", "push button", "label", "menu item", "separator"})
_WINDOWS = frozenset({"frame", "dialog", "alert", "window"})
_SHOWING, _ENABLED, _READ_ONLY = 1 << 25, 1 << 8, 1 << 43
_ANSWERS_WITHIN_S = 5.0


class TreeError(Exception):
    """The program did not answer, or refused. ``why`` holds no text of a field."""


@dataclass(frozen=True)
class Node:
    """One element, as it was when the tree was walked."""

    path: str
    role: str
    name: str


class Tree:
    """The tree of one program. Nodes are remembered per window and looked up again when they have changed."""

    def __init__(self, bus: MessageBus, program: str) -> None:
        self._bus = bus
        self._program = program
        self._nodes: dict[str, list[Node]] = {}

    @classmethod
    async def of(cls, session_bus: str, pid: int) -> "Tree | None":
        """The tree of this process; None when it offers none. Raises TreeError."""
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
                return cls(bus, program)
        bus.disconnect()
        return None

    def close(self) -> None:
        self._bus.disconnect()

    async def find(self, title: str, role: str, names: Collection[str] | None) -> list[Node]:
        """The elements shown in the window of this title with this role and, if given, one of these names."""
        known = [node for node in self._nodes.get(title, ()) if _fits(node, role, names)]
        if known and all([await self._still(node) for node in known]):
            return known
        self._nodes[title] = await self._walk_window(title)
        return [node for node in self._nodes[title] if _fits(node, role, names) and await self._state(node) & _SHOWING]

    async def text(self, node: Node) -> str:
        """The element's content; its name when it has no text of its own."""
        if node.role in ("label", "button", "push button"):
            return node.name
        (text,) = await self._call(node.path, _TEXT, "GetText", "ii", 0, -1)
        return str(text)

    async def editable(self, node: Node) -> bool:
        state = await self._state(node)
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

    async def box(self, node: Node) -> Box:
        """Where the element is on the screen."""
        ((x, y, width, height),) = await self._call(node.path, _COMPONENT, "GetExtents", "u", 0)
        return Box(x, y, width, height)

    async def nodes(self, title: str) -> list[Node]:
        """All elements of the window of this title."""
        return await self._walk_window(title)

    async def _still(self, node: Node) -> bool:
        try:
            return await self._name(node.path) == node.name and bool(await self._state(node) & _SHOWING)
        except TreeError:
            return False

    async def _walk_window(self, title: str) -> list[Node]:
        (windows,) = await self._call(_ROOT, _ACCESSIBLE, "GetChildren")
        found: list[Node] = []
        for _, path in windows:
            if await self._name(path) == title:
                found += await self._walk(path)
        return found

    async def _walk(self, path: str) -> list[Node]:
        role, name = await asyncio.gather(self._role(path), self._name(path))
        node = Node(path, role, name)
        if role in _LEAVES:
            return [node]
        (children,) = await self._call(path, _ACCESSIBLE, "GetChildren")
        below = await asyncio.gather(*(self._walk(child) for _, child in children))
        return [node, *(node for nodes in below for node in nodes)]

    async def _role(self, path: str) -> str:
        return str((await self._call(path, _ACCESSIBLE, "GetRoleName"))[0])

    async def _name(self, path: str) -> str:
        (name,) = await self._call(path, _PROPERTIES, "Get", "ss", _ACCESSIBLE, "Name")
        return str(name.value)

    async def _state(self, node: Node) -> int:
        ((low, high),) = await self._call(node.path, _ACCESSIBLE, "GetState")
        return int(low) | int(high) << 32

    async def _call(self, path: str, interface: str, member: str, signature: str = "", *body: object) -> list[Any]:
        return await _call(self._bus, self._program, path, interface, member, signature, *body)


def _fits(node: Node, role: str, names: Iterable[str] | None) -> bool:
    return node.role == role and (names is None or node.name in names)


async def _connected(address: str) -> MessageBus:
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN_S):
            return await MessageBus(bus_address=address).connect()
    except TimeoutError:
        raise TreeError("the accessibility bus does not answer") from None
    except (OSError, EOFError, AuthError) as error:
        raise TreeError(f"the accessibility bus has ended ({type(error).__name__})") from None


async def _call(
    bus: MessageBus, to: str, path: str, interface: str, member: str, signature: str = "", *body: object
) -> list[Any]:
    message = Message(
        destination=to, path=path, interface=interface, member=member, signature=signature, body=list(body)
    )
    try:
        async with asyncio.timeout(_ANSWERS_WITHIN_S):
            answer = await bus.call(message)
    except TimeoutError:
        raise TreeError("the program does not answer") from None
    except (EOFError, OSError) as error:
        raise TreeError(f"the accessibility bus has ended ({type(error).__name__})") from None
    if answer is None or answer.message_type is MessageType.ERROR:
        raise TreeError(f"{member} failed: {answer.error_name if answer else 'no answer'}")
    return list(answer.body)
