"""What a run's journal says of each of its steps."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from tandem.domain.evidence import Evidence
from tandem.domain.operation import ChannelName
from tandem.store.journal import Entry

UNDO = "~undo"
"""What the name of the step ends with that undoes another."""

AttemptOutcome = Literal["not_sent", "unknown", "claimed"]
"""``claimed``: a screen said it is done; like ``unknown`` it needs its read-back."""


@dataclass
class AttemptState:
    """One attempt. ``outcome`` None: begun and never ended here, so unknown. ``absent``: believed not to be there.

    ``document``: the number that a screen showed of the document it said it made.
    """

    number: int
    channel: ChannelName
    at: datetime
    outcome: AttemptOutcome | None = None
    error: dict[str, Any] | None = None
    ended_at: datetime | None = None
    evidence: tuple[Evidence, ...] = ()
    document: str | None = None
    absent: bool = False
    differences: list[dict[str, str]] = field(default_factory=list)

    @property
    def doubtful(self) -> bool:
        """Whether the vendor's books may hold what this attempt wrote, and nobody has looked long enough."""
        return self.outcome != "not_sent" and not self.absent


@dataclass
class StepState:
    """A step: the request as it was first intended, its attempts, and how it ended.

    ``attempts_before``: how many attempts belong to earlier tries that a person has reopened. ``looks_in_vain``: how
    often the books had to be looked at and gave no answer, since they gave one; ``looks_spared``: how often they could
    not even be asked. ``standing``: the numbers of the documents that the books showed when they were last seen;
    ``twins``: of all that were ever found beside one another. ``told``: the fields of the last ticket that stops
    nothing.
    """

    name: str
    operation: str | None = None
    system: str | None = None
    reference: str | None = None
    request: Any = None
    attempts: list[AttemptState] = field(default_factory=list)
    attempts_before: int = 0
    looks_in_vain: int = 0
    looks_spared: int = 0
    standing: list[str] = field(default_factory=list)
    twins: list[str] = field(default_factory=list)
    told: dict[str, Any] = field(default_factory=dict)
    completed: dict[str, Any] | None = None
    refused: dict[str, Any] | None = None
    ticket_id: int | None = None
    undone: bool = False
    value: Any = None
    has_value: bool = False

    @property
    def doubt(self) -> AttemptState | None:
        """The attempt whose outcome has to be read back before anything else."""
        return self.attempts[-1] if self.attempts and self.attempts[-1].doubtful else None

    @property
    def is_unsettled(self) -> bool:
        """Whether its last attempt may take effect yet, or has, and nobody knows."""
        return self.doubt is not None and self.completed is None and self.refused is None

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """What the channels saved of the attempts since the step was last reopened."""
        return tuple(item for attempt in self.current_attempts for item in attempt.evidence)

    @property
    def current_attempts(self) -> list[AttemptState]:
        """The attempts since the step was last reopened."""
        return self.attempts[self.attempts_before :]

    def apply(self, entry: Entry) -> None:
        """Take one line of the journal in."""
        _APPLY[entry.kind](self, entry)

    def _intended(self, entry: Entry) -> None:
        self.operation, self.system = entry.body["operation"], entry.body["system"]
        self.reference = entry.body.get("reference")
        self.request = entry.body["request"]

    def _attempted(self, entry: Entry) -> None:
        if "request" in entry.body:
            self._intended(entry)
        self.attempts.append(AttemptState(entry.body["number"], entry.body["channel"], entry.at))

    def _ended(self, entry: Entry) -> None:
        number = entry.body["number"]
        if number > len(self.attempts):
            self.attempts.append(AttemptState(number, entry.body["channel"], entry.at))
        attempt = self.attempts[number - 1]
        attempt.outcome, attempt.error, attempt.ended_at = entry.body["outcome"], entry.body.get("error"), entry.at
        attempt.document = entry.body.get("document")
        attempt.evidence = tuple(Evidence(item["kind"], item["path"]) for item in entry.body.get("evidence", ()))

    def _looked(self, entry: Entry) -> None:
        self.looks_in_vain = self.looks_spared = 0
        self.standing = entry.body["documents"]
        if entry.body["verdict"] == "several":
            self.twins = [*self.twins, *(number for number in self.standing if number not in self.twins)]

    def _unseen(self, entry: Entry) -> None:
        if entry.body.get("spared"):
            self.looks_spared += 1
        else:
            self.looks_in_vain += 1

    def _absent(self, entry: Entry) -> None:
        attempt = self.attempts[entry.body["number"] - 1]
        attempt.absent, attempt.differences = True, entry.body["differences"]

    def _completed(self, entry: Entry) -> None:
        self.completed = entry.body
        self.ticket_id = None

    def _refused(self, entry: Entry) -> None:
        self.refused = entry.body["error"]

    def _ticketed(self, entry: Entry) -> None:
        if entry.body["blocking"]:
            self.ticket_id = entry.body["ticket"]
        else:
            self.told = entry.body.get("told", {})

    def _reopened(self, _: Entry) -> None:
        self.refused = self.ticket_id = None
        self.attempts_before = len(self.attempts)
        self.looks_in_vain = self.looks_spared = 0
        if self.undone or self.name.endswith(UNDO):
            self._begin_again()

    def _begin_again(self) -> None:
        """A write that was undone is made anew, and undone anew: with another document, so by another request."""
        for attempt in self.attempts:
            attempt.absent = attempt.absent or self.completed is not None
        self.completed, self.undone, self.request = None, False, None
        self.standing, self.twins, self.told = [], [], {}

    def _undone(self, _: Entry) -> None:
        self.undone = True

    def _value(self, entry: Entry) -> None:
        self.value, self.has_value = entry.body["value"], True

    def _nothing(self, _: Entry) -> None:
        """Kept for people to read; decides nothing."""


_APPLY = {
    "intended": StepState._intended,
    "attempted": StepState._attempted,
    "ended": StepState._ended,
    "looked": StepState._looked,
    "unseen": StepState._unseen,
    "healed": StepState._nothing,
    "absent": StepState._absent,
    "completed": StepState._completed,
    "refused": StepState._refused,
    "ticketed": StepState._ticketed,
    "reopened": StepState._reopened,
    "undone": StepState._undone,
    "value": StepState._value,
}


def fold(entries: Iterable[Entry]) -> dict[str, StepState]:
    """The state of every step of one run's journal."""
    states: dict[str, StepState] = {}
    for entry in entries:
        states.setdefault(entry.step, StepState(entry.step)).apply(entry)
    return states
