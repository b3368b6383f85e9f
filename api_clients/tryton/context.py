"""What every call tells Tryton about its user: company, warehouse, language."""

from api_clients.tryton.values import Row
from tandem.errors import AccessRefused


def context_of(system: str, preferences: Row, language: str) -> Row:
    """The context of the user with these preferences, for messages in this language.

    Without a company Tryton leaves credit limits empty and hides the orders of every company, which would read as no
    limit and no order. Raises AccessRefused.
    """
    if not preferences.get("company"):
        raise AccessRefused(
            "The user of {system} has no company, and Tryton hides orders and credit limits from such a user. Nothing "
            "was changed. Give the user a company in Tryton, then retry.",
            system=system,
        )
    return {**preferences, "language": language}
