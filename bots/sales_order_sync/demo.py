"""The model of ``demo.yaml``."""

from tandem.workspace.demonstration import Demonstration as Demo

__all__ = ["Demo"]
