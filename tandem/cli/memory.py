"""How much memory this process came to hold."""

import sys


def peak_memory_mb() -> float | None:
    """Megabytes at the peak; None where the system does not tell (Windows)."""
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
