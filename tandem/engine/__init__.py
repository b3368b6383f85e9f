"""The engine: carries business operations down their ladders, journals and proves them. Knows no vendor and no bot.

Entry points, for the workspace and the command line:

* ``Engine(database, bots, codec, clock=..., attendant=...)``: ``start``, ``poll``, ``work``, ``preview``, ``close``.
* ``Settlement(engine)``: ``retry`` and ``resolve`` of tickets.
* ``Bot``, ``System``, ``Rungs``: what the workspace builds from manifests; ``Run``: what a bot's function is given.
"""
