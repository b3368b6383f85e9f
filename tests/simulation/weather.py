"""The faults of one history: which kinds, how often each, and how many in all."""

from collections import Counter
from collections.abc import Callable
from random import Random

FAULTS = (
    "refused",
    "connect timeout",
    "reset before sending",
    "reset after sending",
    "answer lost",
    "answer late",
    "commit slow",
    "commit late",
    "commit never",
    "429",
    "429 long",
    "500 before commit",
    "500 after commit",
    "503 before commit",
    "503 after commit",
    "gateway repeats",
    "login expired",
    "access refused",
    "stale read",
    "read fails",
    "business refusal",
    "undo refused",
    "screen unreachable",
    "screen not ready",
    "screen logged out",
    "screen does nothing",
    "screen writes another field",
    "screen dies after commit",
)
DOUBTS = (
    "reset after sending",
    "answer lost",
    "answer late",
    "commit slow",
    "commit late",
    "commit never",
    "500 after commit",
    "gateway repeats",
    "stale read",
    "read fails",
    "screen dies after commit",
)
REFUSALS = ("business refusal", "undo refused", "access refused", "answer lost", "commit late", "screen not ready")
"""Faults that belong together: drawn from all at once, few histories would have two that meet."""


class Weather:
    """Says at every point whether a fault strikes there. After ``left`` faults the sky is clear, so histories end."""

    def __init__(self, random: Random, tell: Callable[[str], None]) -> None:
        self._random, self._tell = random, tell
        self.left = random.randint(0, 12)
        kinds = random.sample(random.choice((FAULTS, FAULTS, DOUBTS, REFUSALS)), random.randint(1, 6))
        self._rates = {kind: random.choice((0.05, 0.2, 0.5, 0.9)) for kind in kinds}
        self.struck: Counter[str] = Counter()

    def strikes(self, fault: str) -> bool:
        rate = self._rates.get(fault)
        if rate is None or self.left <= 0 or self._random.random() >= rate:
            return False
        self.left -= 1
        self.struck[fault] += 1
        self._tell(f"fault: {fault}")
        return True
