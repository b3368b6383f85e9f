"""Tandem's own books: runs, their journals, tickets, watermarks, audit. SQLAlchemy Core, one schema for every store."""
