"""The command line. ``main`` turns whatever goes wrong into one sentence on stderr and an exit code.

Exit codes: 0 done; 1 it could not be done; 2 what was given is wrong; 130 interrupted by Ctrl+C, 143 by SIGTERM.
"""

from tandem.cli.program import main

__all__ = ["main"]
