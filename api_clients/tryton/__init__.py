"""Tryton over its JSON-RPC API: the calls its own clients make, so that its own rules fill in what a screen would."""
