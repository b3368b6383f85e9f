"""What surrounds one process."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from tests.simulation.loop import Process
from tests.simulation.weather import Weather
from tests.simulation.witness import Witness


@dataclass(frozen=True)
class Site:
    """``may_stop`` and ``may_die`` are called, with the place in words, where the process may be stopped or may die."""

    process: Process
    random: Random
    weather: Weather
    witness: Witness
    may_stop: Callable[[str], None]
    may_die: Callable[[str], None]
