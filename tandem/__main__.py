"""``python -m tandem`` is the program ``tandem``."""

from tandem.cli import main

main()
