"""Runs a recording on a screen, and says what is known when it stops.

Before the commit step nothing can have been written: the screen's own NotSent goes on. From the commit step on, the
same failure is an unknown outcome. A message on the screen with a known meaning is the vendor's no, at any time.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from jinja2 import TemplateError
from pydantic import ValidationError

from tandem import misfit
from tandem.channels.library import Screens
from tandem.channels.looks import Looks
from tandem.channels.notation import Notation
from tandem.channels.recording import (
    Check,
    Click,
    Expect,
    Fail,
    Fill,
    ForEach,
    OnElement,
    Open,
    Press,
    Read,
    ReadAddress,
    ReadRows,
    Recording,
    Select,
    Settle,
    Step,
    Wait,
    When,
)
from tandem.channels.screen import Screen, Target
from tandem.channels.selectors import AnyScreenFile, Strict
from tandem.channels.targets import cell_target, element_target, message_targets, opened
from tandem.channels.templates import build, evaluate, render
from tandem.domain.hold import confirm_hold
from tandem.errors import (
    NotOffered,
    NotSent,
    Rejected,
    ScreenNotReady,
    TandemError,
    UnknownOutcome,
    error_named,
)
from tandem.log import event, scrub

OPEN_WITHIN_S = 10.0
_ADDRESS_POLL_S = 0.05
_SHOWN_CHARACTERS = 200

Result = TypeVar("Result")
Said = Callable[[str], None]
"""Told each step before it is carried out, for a person who watches."""


@dataclass(frozen=True)
class Replayer:
    """Replays recordings of one system on its screens."""

    system: str
    screens: Screens
    notation: Notation
    said: Said | None = None

    async def replay(
        self, recording: Recording, screen: Screen, context: Mapping[str, Any], into: Callable[[dict[str, Any]], Result]
    ) -> Result:
        """The recording's result, made by ``into`` (``dict``, or a model's ``model_validate``).

        ``context``: the request under its name, ``settings``, ``login``. Raises NotSent, Rejected or UnknownOutcome.
        """
        replay = _Replay(self, recording, screen, dict(context))
        try:
            await replay.steps(recording.steps)
            return into(replay.result())
        except Exception as error:
            known = await replay.known(error)
            event("recording.stopped", system=self.system, recording=recording.operation, step=replay.at, why=known)
            if known is error:
                raise
            raise known from error


class _Replay:
    """One replay under way: the screen it is on, what it has read, whether it has committed."""

    def __init__(self, replayer: Replayer, recording: Recording, screen: Screen, context: dict[str, Any]) -> None:
        self._of = replayer
        self._recording = recording
        self._screen = screen
        self._context = context
        self._page: AnyScreenFile | None = None
        self._committed = False
        self._moved_on = False
        self._said: TandemError | None = None
        self.at = "start"

    def result(self) -> dict[str, Any]:
        """The recording's ``result:`` filled in with what was read."""
        self.at = "result"
        built: dict[str, Any] = build(self._recording.result, self._context)
        return built

    async def known(self, error: Exception) -> Exception:
        """What the error means for the business: itself, what the screen says, or an outcome of tandem.errors."""
        if isinstance(error, NotSent):
            with suppress(NotSent):
                error = await self._message() or error
        if self._committed and not self._answers_commit(error):
            return UnknownOutcome(
                "{system}: {recording} failed at or after its commit step ({step}): {why} "
                "The document may have been written.",
                **self._where(error),
            )
        if isinstance(error, TemplateError):
            return NotOffered(
                "{system}: {recording} cannot be replayed ({step}): {why}. Correct the recording; "
                "tandem check names file and line.",
                **self._where(error),
            )
        if isinstance(error, ValueError):
            return ScreenNotReady("{system}: {recording} ({step}): {why}.", **self._where(error))
        return error

    def _answers_commit(self, error: Exception) -> bool:
        """Whether this is the vendor's no to the commit: said on the screen it was given on, not on a later one."""
        return isinstance(error, Rejected) and error is self._said and not self._moved_on

    def _where(self, error: Exception) -> dict[str, Any]:
        return {
            "system": self._of.system,
            "recording": self._recording.operation,
            "step": self.at,
            "why": scrub(_why(error)),
        }

    async def steps(self, steps: tuple[Step, ...], within: str = "") -> None:
        """Carry out steps in order; ``within`` is the place of the block they stand in."""
        for number, step in enumerate(steps, 1):
            place = f"{within}{number}"
            self.at = _told(place, step)
            if self._of.said is not None:
                self._of.said(self.at)
            await _VERBS[type(step.act)](self, step.act, place)

    async def open(self, act: Open, place: str) -> None:
        page = self._of.screens.screen(act.screen)
        params = {name: render(value, self._context) for name, value in act.params.items()}
        self._moved_on = self._committed
        await self._screen.open(opened(page, {**self._context, **params}), params)
        self._page = page
        await self._screen.recognise(self._filled_in(page), OPEN_WITHIN_S)
        await self._raise_message()

    async def expect(self, act: Expect, place: str) -> None:
        self._page = page = self._of.screens.screen(act.screen)
        await self._screen.recognise(self._filled_in(page), act.within_s)

    async def fill(self, act: Fill, place: str) -> None:
        target = self._target(act)
        await self._screen.fill(target, self._shown(act.value, target))

    async def select(self, act: Select, place: str) -> None:
        target = self._target(act)
        await self._screen.select(target, self._shown(act.value, target))

    async def check(self, act: Check, place: str) -> None:
        await self._screen.check(self._target(act), act.on)

    async def click(self, act: Click, place: str) -> None:
        target = self._target(act)
        await self._commit(act)
        await (self._screen.double_click(target) if act.double else self._screen.click(target))

    async def press(self, act: Press, place: str) -> None:
        target = None if act.element is None else self._target(OnElement(element=act.element, row=act.row))
        await self._commit(act)
        await self._screen.press(act.keys, target)

    async def _commit(self, act: Click | Press) -> None:
        if act.commit:
            await self._screen.committing()
            await confirm_hold()
            self._committed = True

    async def read(self, act: Read, place: str) -> None:
        target = self._target(act)
        await self._await(target, act.within_s)
        text = (await self._screen.read(target)).strip()
        if act.pattern is not None:
            found = re.search(act.pattern, text)
            if found is None:
                raise ScreenNotReady(
                    "{system}, screen {screen}: the text of {element} does not match {pattern}.",
                    **self._place(target, pattern=act.pattern),
                )
            text = _kept(found)
        self._context[act.into] = self._parsed(text, target)

    async def read_address(self, act: ReadAddress, place: str) -> None:
        looks = Looks(act.within_s, _ADDRESS_POLL_S)
        while await looks.again():
            found = re.search(act.pattern, await self._screen.address())
            if found is not None:
                self._context[act.into] = _kept(found)
                return
            await self._raise_message()
        raise ScreenNotReady(
            "{system}, screen {screen}: its address does not match {pattern} within {seconds} s.",
            system=self._of.system,
            screen=self._current().screen,
            pattern=act.pattern,
            seconds=f"{act.within_s:g}",
        )

    async def settle(self, act: Settle, place: str) -> None:
        if not await self._screen.settled(act.within_s):
            raise ScreenNotReady(
                "{system}, screen {screen}: it is still at work after {seconds} s.",
                system=self._of.system,
                screen=self._current().screen,
                seconds=f"{act.within_s:g}",
            )
        await self._raise_message()

    async def read_rows(self, act: ReadRows, place: str) -> None:
        page = self._current()
        table = page.tables.get(act.table)
        if table is None:
            raise NotOffered("Screen {screen} has no table {table}.", screen=page.screen, table=act.table)
        names = act.columns or {name: name for name in table.columns}
        columns = {key: cell_target(page, f"{act.table}.{name}", None, self._context) for key, name in names.items()}
        rows = await self._screen.read_rows(columns)
        self._context[act.into] = [{key: self._parsed(text, columns[key]) for key, text in row.items()} for row in rows]

    async def wait(self, act: Wait, place: str) -> None:
        target = self._target(act)
        if not act.gone:
            await self._await(target, act.within_s)
        elif not await self._screen.gone(target, act.within_s):
            raise ScreenNotReady(
                "{system}, screen {screen}: {element} is still shown after {seconds} s.",
                **self._place(target, seconds=f"{act.within_s:g}"),
            )

    async def for_each(self, act: ForEach, place: str) -> None:
        items = list(evaluate(act.in_, self._context))
        outer = self._context
        collected: list[Any] = []
        for index, item in enumerate(items):
            loop = {"index0": index, "index": index + 1, "last": index == len(items) - 1}
            self._context = {**outer, act.as_: item, "loop": loop}
            await self.steps(act.steps, f"{place}[{index}].")
            if act.collect is not None:
                collected.append(build(act.collect.item, self._context))
        self._context = outer
        if act.collect is not None:
            outer[act.collect.into] = collected

    async def when(self, act: When, place: str) -> None:
        if act.condition is not None:
            true = bool(evaluate(act.condition, self._context))
        else:
            target = self._target(OnElement(element=str(act.shown)))
            true = await self._screen.first_shown([target], 0) is not None
        if true:
            await self.steps(act.steps, f"{place}.")

    async def fail(self, act: Fail, place: str) -> None:
        message = _shortened(render(act.message, self._context).rstrip("."))
        raise self._says(act.error, "On the screens of {system}: {message}.", system=self._of.system, message=message)

    async def _await(self, target: Target, within_s: float) -> None:
        """Return when the target is shown; a message that shows instead is raised."""
        messages = message_targets(self._current(), self._context)
        shown = await self._screen.first_shown([*messages.values(), target], within_s)
        if shown is None:
            raise ScreenNotReady(
                "{system}, screen {screen}: {element} is not shown within {seconds} s.",
                **self._place(target, seconds=f"{within_s:g}"),
            )
        if shown < len(messages):
            await self._raise_message()

    async def _raise_message(self) -> None:
        said = await self._message()
        if said is not None:
            raise said

    async def _message(self) -> TandemError | None:
        """What a message on the screen says, if one is shown."""
        messages = message_targets(self._page, self._context) if self._page else {}
        targets = list(messages.values())
        shown = await self._screen.first_shown(targets, 0) if targets else None
        if self._page is None or shown is None:
            return None
        text = (await self._screen.read(targets[shown])).strip()
        for meaning in self._page.messages[list(messages)[shown]].meanings:
            if re.search(meaning.pattern, text):
                return self._says(
                    meaning.error, "{system} says: {message}", system=self._of.system, message=_shortened(text)
                )
        return ScreenNotReady("{system} shows: {message}", system=self._of.system, message=_shortened(text))

    def _says(self, code: str, template: str, **fields: Any) -> TandemError:
        self._said = error_named(code)(template, **fields)
        return self._said

    def _parsed(self, text: str, target: Target) -> Any:
        """The value of a text. The error does not repeat it: it may be personal."""
        try:
            return self._of.notation.parsed(text, target.kind)
        except ValueError:
            raise ScreenNotReady(
                "{system}, screen {screen}: {element} does not read as a {kind} in the notation of the system's user.",
                **self._place(target, kind=target.kind),
            ) from None

    def _shown(self, template: str, target: Target) -> str:
        return self._of.notation.shown(render(template, self._context), target.kind)

    def _filled_in(self, page: AnyScreenFile) -> AnyScreenFile:
        return opened(page, self._context, only_recognise=True)

    def _current(self) -> AnyScreenFile:
        if self._page is None:
            raise NotOffered("{recording} acts before it opens a screen.", recording=self._recording.operation)
        return self._page

    def _target(self, act: OnElement) -> Target:
        page = self._current()
        if "." in act.element:
            row = int(render(act.row, self._context)) if act.row is not None else None
            return cell_target(page, act.element, row, self._context)
        return element_target(page, act.element, self._context)

    def _place(self, target: Target, **more: Any) -> dict[str, Any]:
        return {"system": self._of.system, "screen": target.screen, "element": target.name, **more}


_VERBS: Mapping[type[Strict], Callable[[_Replay, Any, str], Awaitable[None]]] = {
    Open: _Replay.open,
    Expect: _Replay.expect,
    Fill: _Replay.fill,
    Select: _Replay.select,
    Check: _Replay.check,
    Click: _Replay.click,
    Press: _Replay.press,
    Read: _Replay.read,
    ReadRows: _Replay.read_rows,
    ReadAddress: _Replay.read_address,
    Wait: _Replay.wait,
    Settle: _Replay.settle,
    ForEach: _Replay.for_each,
    When: _Replay.when,
    Fail: _Replay.fail,
}


def _told(place: str, step: Step) -> str:
    """A step as a person reads it: ``step 3: fill sold_to_party``. Values are left out: they may be personal."""
    act = step.act
    what = getattr(act, "element", None) or getattr(act, "screen", None) or getattr(act, "in_", None)
    return f"step {place}: {step.verb} {what or ''}".rstrip()


def _kept(found: re.Match[str]) -> str:
    """What a pattern keeps of a text: its first group, or all it matched."""
    return str(found.group(1) if found.groups() else found.group())


def _shortened(text: str) -> str:
    line = scrub(" ".join(text.split()))
    return line if len(line) <= _SHOWN_CHARACTERS else line[: _SHOWN_CHARACTERS - 1] + "…"


def _why(error: Exception) -> str:
    """The error in words, without the values a ValidationError would print: they may be personal."""
    if not isinstance(error, ValidationError):
        return str(error)
    details = error.errors(include_url=False)
    return "; ".join(f"{'.'.join(str(part) for part in each['loc'])}: {misfit.why(each)}" for each in details)
