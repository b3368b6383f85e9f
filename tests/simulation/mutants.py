"""The engine broken on purpose: each mutant replaces one passage of one module, and the simulation must notice it."""

import importlib.abc
import importlib.machinery
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Mutant:
    """``passage`` stands exactly once in the module; ``found_at``: the first seed that finds it; ``within``: how many
    seeds that may take once the histories have changed.
    """

    module: str
    passage: str
    replacement: str
    found_at: int
    within: int = 600


MUTANTS = {
    "intent not recorded": Mutant(
        "tandem.engine.write",
        'await self.context.journal.append(self.step_name, "attempted", body)',
        "pass",
        found_at=1,
    ),
    "intent sent before it is on the disk": Mutant(
        "tandem.engine.write",
        'await self.context.journal.append(self.step_name, "attempted", body)',
        'self.context.journal.note(self.step_name, "attempted", body)',
        found_at=8,
    ),
    "open intent taken for not sent after a crash": Mutant(
        "tandem.engine.steps",
        'return self.outcome != "not_sent" and not self.absent',
        'return self.outcome not in ("not_sent", None) and not self.absent',
        found_at=11,
    ),
    "descent on an unknown outcome": Mutant(
        "tandem.engine.write",
        'self._end(number, channel, "unknown", error)',
        'return self._end(number, channel, "not_sent", error)',
        found_at=2,
    ),
    "no read-back": Mutant(
        "tandem.engine.write", "verdict = await self._look_or_ticket(is_last)", "verdict = None", found_at=2
    ),
    "absent believed at once": Mutant(
        "tandem.engine.write", "is_last = self.context.clock.now() >= deadline", "is_last = True", found_at=22
    ),
    "absent believed without a late look": Mutant(
        "tandem.engine.write", "schedule(self.context, look, attempt.number, self.rungs.late_s)", "pass", found_at=16
    ),
    "screen's word believed": Mutant(
        "tandem.engine.write", 'if channel == "api" or self.operation', "if True or self.operation", found_at=61
    ),
    "late twin left standing": Mutant("tandem.engine.late_look", "if not twins:", "if True:", found_at=124),
    "no compensation": Mutant("tandem.engine.run", "await self._undo_all(self._done[before:])", "pass", found_at=2),
    "failed compensation kept quiet": Mutant(
        "tandem.engine.run", "await self._ticket_residue(done, error)", "pass", found_at=138
    ),
    "undoing ends at the first compensation that fails": Mutant(
        "tandem.engine.suspension", "waiting = waiting or suspended", "raise", found_at=138
    ),
    "version not claimed": Mutant("tandem.engine.run", "if holder is not None:", "if False:", found_at=5),
    "journal not fenced": Mutant(
        "tandem.store.journal",
        'runs.c.id == bindparam("run"), runs.c.epoch == bindparam("run_epoch")',
        'runs.c.id == bindparam("run"), bindparam("run_epoch") == bindparam("run_epoch")',
        found_at=11,
    ),
    "old intent sent without a question": Mutant(
        "tandem.domain.hold", "while self._age_s() > INTENT_S:", "while False:", found_at=21
    ),
    "twin found beside the first kept quiet": Mutant(
        "tandem.engine.read_back", "if len(documents) > 1:", "if False:", found_at=401
    ),
    "cancelled twin kept quiet": Mutant(
        "tandem.engine.twins", "if not self._state.twins or self._are_told():", "if True:", found_at=16
    ),
    "running runs of a dead process left alone": Mutant(
        "tandem.store.runs",
        'left = and_(runs.c.status == "running", workers.is_gone(connection, runs.c.worker))',
        'left = runs.c.status == "gone"',
        found_at=1,
    ),
    "limiter lets everybody in": Mutant("tandem.http.limiter", "if not self._places:", "if True:", found_at=31),
    "Retry-After ignored": Mutant("tandem.http.port", "self._limiter.pause(wait_s)", "pass", found_at=40),
}


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name != self._mutant.module:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path)
        assert found is not None
        assert found.origin is not None
        found.loader = _Loader(self._mutant, found.origin)
        return found


class _Loader(importlib.machinery.SourceFileLoader):
    """Loads the module's source with the passage replaced, and keeps no bytecode of it."""

    def __init__(self, mutant: Mutant, origin: str) -> None:
        super().__init__(mutant.module, origin)
        self._mutant = mutant

    def path_stats(self, path: str) -> Any:
        raise OSError("there is no bytecode of a mutant")

    def get_data(self, path: str) -> bytes:
        source = super().get_data(path).decode()
        count = source.count(self._mutant.passage)
        if count != 1:
            raise LookupError(f"{self._mutant.module} holds {count} times: {self._mutant.passage}")
        return source.replace(self._mutant.passage, self._mutant.replacement).encode()


def breed(name: str) -> None:
    """From here on this process imports the mutant instead of the module."""
    mutant = MUTANTS[name]
    assert mutant.module not in sys.modules, f"{mutant.module} is imported already"
    sys.meta_path.insert(0, _Finder(mutant))
