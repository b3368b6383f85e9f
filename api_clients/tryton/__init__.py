"""Tryton: over the JSON-RPC of its own clients, whose rules fill in what a screen would; with a key, over REST."""
