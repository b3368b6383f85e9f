"""Triggers: what starts runs without a person. Schedules and polling by the clock, webhooks by other systems.

A trigger only makes runs, in the transaction in which it notes that it did; a worker executes them. So however many
workers keep the same schedules or take in the same webhook, each firing and each delivery starts its runs once.

* ``Schedule``, ``Scheduler``: firings by cron or interval, with time zone, calendar, misfire and overlap policies.
* ``Intake``: deliveries over HTTP, proven, told apart, started.
"""
