"""A vendor's system: its books, its uniqueness or want of it, and when it commits, answers and shows what it has."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from tests.simulation.business import OPERATIONS, Asked, Paper, Undo
from tests.simulation.loop import SimulatedLoop
from tests.simulation.weather import Weather

VendorKind = Literal["unique", "upsert", "natural", "blind"]
"""Refuses a second document with the reference; returns the first one, unless it is void; makes it; makes it and
cannot be asked."""

SETTLE_S, LATE_S = 60.0, 900.0
LATEST_COMMIT_S = 600.0
"""What the vendor promises: an accepted request is committed within so long, or never. It counts from the question
whether the request may be sent: a process that was stopped behind it leaves the vendor less."""
LONGEST_LAG_S = 30.0


@dataclass(frozen=True)
class Answer:
    """``code``: of the error the vendor's word means, when it is no success."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)
    code: str | None = None
    retry_after_s: float | None = None


Respond = Callable[[Answer], None]


@dataclass
class Kept:
    """A document: since when it stands and reads show it, and since when it is void and reads show that."""

    kind: str
    number: str
    asked: Asked
    shown_from_s: float
    void: bool = False
    void_shown_from_s: float = 0.0


@dataclass(eq=False)
class Sending:
    """A request as it left a process, and what became of it.

    ``asked_s``: when its process last asked for the right to send it. ``is_held``: whether its process had the run when
    it left. ``is_taken``: the vendor carries it out, now or later; ``made``: the document it made or changed;
    ``shown``: of a read whose answer came back, the numbers of the documents in it.
    """

    run_id: str
    operation: str
    body: dict[str, Any]
    by: str
    asked_s: float
    left_s: float
    is_held: bool
    is_taken: bool = False
    made: Kept | None = None
    shown: frozenset[str] | None = None

    def learn(self, answer: Answer) -> None:
        """The process has the answer."""
        if answer.status == 200 and not OPERATIONS[self.operation].writes:
            self.shown = frozenset(paper["document_id"] for paper in answer.body["documents"] if not paper["void"])

    @property
    def reference(self) -> str:
        return str(self.body["external_reference"])

    @property
    def in_force(self) -> bool:
        """Whether the books show it or may come to show it."""
        return self.is_taken and not (self.made is not None and self.made.void)

    def is_same_as(self, other: "Sending") -> bool:
        """Whether both are one write, sent twice."""
        return self._identity == other._identity

    @property
    def _identity(self) -> tuple[Any, ...]:
        return self.run_id, self.operation, self.reference, self.body.get("document_id")

    def __str__(self) -> str:
        return f"{self.operation} {self.body.get('document_id', self.reference)} of {self.by}"


class Vendor:
    """``tell`` takes a line for the history's story. What it takes in, it commits once, and says so if it can."""

    def __init__(
        self,
        name: str,
        kind: VendorKind,
        loop: SimulatedLoop,
        random: Random,
        weather: Weather,
        tell: Callable[[str], None],
    ) -> None:
        self.name, self.kind = name, kind
        self._loop, self._random, self._weather, self._tell = loop, random, weather, tell
        self.books: list[Kept] = []
        self.pending = 0
        self._serial = 0
        self._tokens = 0
        self._valid_token = ""

    def standing(self, kind: str, reference: str) -> list[Kept]:
        """The documents with the reference that are not void, whatever reads show of them yet."""
        return [kept for kept in self._with(kind, reference) if not kept.void]

    def keep(self, kind: str, asked: Asked) -> Kept:
        """Enter a document in the books, as a person or a commit does."""
        self._serial += 1
        kept = Kept(kind, f"{self.name}-{self._serial}", asked, self._loop.time() + self._lag_s())
        self.books.append(kept)
        return kept

    def make_void(self, kept: Kept) -> None:
        if not kept.void:
            kept.void, kept.void_shown_from_s = True, self._loop.time() + self._lag_s()

    def new_token(self) -> str:
        self._tokens += 1
        self._valid_token = f"token-{self._tokens}"
        return self._valid_token

    def arrive(self, sending: Sending, respond: Respond, token: str | None = None) -> None:
        """A request has reached the vendor; ``respond`` is called when the answer leaves it, if it ever does."""
        refusal = self._at_the_gate(token)
        if refusal is not None:
            respond(refusal)
        elif OPERATIONS[sending.operation].writes:
            self._take_write(sending, respond)
        elif self._weather.strikes("read fails"):
            respond(Answer(503))
        else:
            respond(Answer(200, self._found(sending)))

    def _at_the_gate(self, token: str | None) -> Answer | None:
        if token is not None and self._weather.strikes("login expired"):
            self._valid_token = ""
        if token is not None and token != self._valid_token:
            return Answer(401)
        if self._weather.strikes("429"):
            return Answer(429, retry_after_s=float(self._random.randint(1, 8)))
        if self._weather.strikes("429 long"):
            return Answer(429, retry_after_s=float(self._random.randint(30, 900)))
        if self._weather.strikes("access refused"):
            return Answer(403, code="access_refused")
        return None

    def _take_write(self, sending: Sending, respond: Respond) -> None:
        strikes, operation = self._weather.strikes, sending.operation
        if strikes("500 before commit") or strikes("503 before commit") or strikes("commit never"):
            respond(Answer(self._random.choice((500, 503))))
            return
        if operation.endswith(".void") and strikes("undo refused"):
            respond(Answer(422, code="document_locked"))
            return
        if not operation.endswith(".void") and strikes("business refusal"):
            respond(Answer(422, code="credit_blocked"))
            return
        delay_s = self._random.random() * 0.5
        if strikes("commit slow"):
            delay_s = self._random.uniform(5, SETTLE_S - LONGEST_LAG_S)
        elif strikes("commit late"):
            left_s = sending.asked_s + LATEST_COMMIT_S - self._loop.time()
            delay_s = min(self._random.uniform(SETTLE_S - 10, LATEST_COMMIT_S), max(left_s, delay_s))
            if self._random.random() < 0.5:
                respond(Answer(503))
        self.pending += 1
        sending.is_taken = True
        self._loop.world(delay_s, self._commit, sending, respond)

    def _commit(self, sending: Sending, respond: Respond) -> None:
        self.pending -= 1
        kind, _, verb = sending.operation.partition(".")
        act = {"create": self._create, "void": self._void, "set": self._set}[verb]
        answer, strikes = act(kind, sending), self._weather.strikes
        if answer.status == 200 and (strikes("500 after commit") or strikes("503 after commit")):
            answer = Answer(self._random.choice((500, 502, 503)))
        elif verb == "create" and strikes("gateway repeats"):
            self._repeat(kind, sending)
            answer = Answer(504)
        respond(answer)

    def _repeat(self, kind: str, sending: Sending) -> None:
        """The vendor's own gateway had no answer in time and sent the request once more."""
        first = sending.made
        self._create(kind, sending)
        if first is not None and sending.made is not None:
            sending.made.shown_from_s = first.shown_from_s
            sending.made = first

    def _create(self, kind: str, sending: Sending) -> Answer:
        asked = Asked.model_validate(sending.body)
        known = list(self._with(kind, asked.external_reference))
        standing = [kept for kept in known if not kept.void]
        if standing and self.kind == "upsert":
            return self._made(standing[0])
        if known and self.kind in ("unique", "upsert"):
            return Answer(409, code="duplicate_reference")
        sending.made = kept = self.keep(kind, asked)
        self._tell(f"{self.name} commits {kind} {asked.external_reference} as {kept.number} (sent by {sending.by})")
        return self._made(kept)

    def _void(self, kind: str, sending: Sending) -> Answer:
        undo = Undo.model_validate(sending.body)
        for kept in self._with(kind, undo.external_reference):
            if kept.number == undo.document_id:
                self.make_void(kept)
                self._tell(f"{self.name} makes {kind} {kept.number} void (sent by {sending.by})")
                return self._made(kept)
        return Answer(422, code="document_not_found")

    def _set(self, kind: str, sending: Sending) -> Answer:
        asked = Asked.model_validate(sending.body)
        for kept in self._with(kind, asked.external_reference):
            kept.asked = asked
            self._tell(f"{self.name} sets {kind} {asked.external_reference} to {asked.amount} (sent by {sending.by})")
            return self._made(kept)
        return Answer(422, code="document_not_found")

    def _found(self, sending: Sending) -> dict[str, Any]:
        now_s = self._loop.time()
        papers = [
            Paper(document_id=kept.number, asked=kept.asked, void=kept.void and kept.void_shown_from_s <= now_s)
            for kept in self._with(sending.operation.partition(".")[0], sending.reference)
            if kept.shown_from_s <= now_s
        ]
        return {"documents": [paper.model_dump() for paper in papers]}

    def _with(self, kind: str, reference: str) -> Iterator[Kept]:
        return (kept for kept in self.books if kept.kind == kind and kept.asked.external_reference == reference)

    def _lag_s(self) -> float:
        return self._random.uniform(1, LONGEST_LAG_S) if self._weather.strikes("stale read") else 0.0

    @staticmethod
    def _made(kept: Kept) -> Answer:
        return Answer(200, {"document_id": kept.number, "external_reference": kept.asked.external_reference})
