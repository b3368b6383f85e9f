"""Text for one program through the clipboard: only its own windows are served, and nothing stays behind."""

import select
import time
from collections.abc import Callable

from Xlib import X, Xatom  # type: ignore[import-untyped]
from Xlib.display import Display  # type: ignore[import-untyped]
from Xlib.protocol import event as xevent  # type: ignore[import-untyped]

from tandem.channels.desktop.driver import DriverRefusal

_TEXT_TARGETS = ("UTF8_STRING", "text/plain;charset=utf-8")
_FETCHED_WITHIN_S = 5.0
_TAKEN_WITHIN_S = 0.5


class Clipboard:
    """Owns the CLIPBOARD selection for the length of one paste."""

    def __init__(self, name: str) -> None:
        self._display = Display(name)
        self._selection = self._display.intern_atom("CLIPBOARD")
        self._targets = self._display.intern_atom("TARGETS")
        self._texts = [self._display.intern_atom(target) for target in _TEXT_TARGETS]

    def paste(self, text: str, program_window: int, press: Callable[[], None]) -> None:
        """Offer the text, ``press`` the paste keys, return when the window's program has taken it.

        Raises DriverRefusal ``not_pasted`` when it did not.
        """
        owner = self._display.screen().root.create_window(-10, -10, 1, 1, 0, X.CopyFromParent)
        owner.set_selection_owner(self._selection, X.CurrentTime)
        self._display.sync()
        try:
            press()
            self._serve(text.encode(), program_window)
        finally:
            owner.destroy()
            self._display.sync()
            while self._display.pending_events():
                self._display.next_event()

    def _serve(self, content: bytes, program_window: int) -> None:
        deadline = time.monotonic() + _FETCHED_WITHIN_S
        while True:
            request = self._next(deadline)
            if request is None:
                raise DriverRefusal("not_pasted")
            if request.type != X.SelectionRequest:
                continue
            if not self._same_program(request.requestor.id, program_window):
                self._answer(request, X.NONE)
            elif request.target == self._targets:
                offered = [self._targets, *self._texts]
                request.requestor.change_property(request.property, Xatom.ATOM, 32, offered)
                self._answer(request, request.property)
            elif request.target in self._texts:
                request.requestor.change_attributes(event_mask=X.PropertyChangeMask)
                request.requestor.change_property(request.property, request.target, 8, content)
                self._answer(request, request.property)
                self._await_taken(request)
                return
            else:
                self._answer(request, X.NONE)

    def _await_taken(self, request: xevent.SelectionRequest) -> None:
        """Wait until the program has read and deleted the property; one that never deletes has had its time."""
        deadline = time.monotonic() + _TAKEN_WITHIN_S
        while (event := self._next(deadline)) is not None:
            if event.type == X.PropertyNotify and event.atom == request.property and event.state == X.PropertyDelete:
                return

    def _same_program(self, requestor: int, window: int) -> bool:
        """Whether two windows were made by one X client: their ids differ in the client's own bits only."""
        own_bits: int = self._display.display.info.resource_id_mask
        return requestor & ~own_bits == window & ~own_bits

    def _answer(self, request: xevent.SelectionRequest, where: int) -> None:
        notify = xevent.SelectionNotify(
            time=request.time,
            requestor=request.requestor,
            selection=request.selection,
            target=request.target,
            property=where,
        )
        request.requestor.send_event(notify)
        self._display.flush()

    def _next(self, deadline: float) -> xevent.SelectionRequest | None:
        while time.monotonic() < deadline:
            if self._display.pending_events():
                return self._display.next_event()
            select.select([self._display.fileno()], [], [], max(0.0, deadline - time.monotonic()))
        return None
