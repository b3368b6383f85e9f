"""Workspaces: loading ``tandem.yaml`` and what it refers to, checking all of it, connecting its systems."""
