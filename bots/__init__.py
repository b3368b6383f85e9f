"""Business processes, one folder each."""
