"""Installs the real servers while tests that need none are run: ``python -m tests.install``."""

from contextlib import suppress

from tandem.errors import PackagesMissing
from tests import invoices, real_servers

DJANGO_CRM_DEALS = "60"


def main() -> None:
    """Where packages cannot be fetched, the tests that need them say so."""
    with suppress(PackagesMissing):
        real_servers.install("tryton", invoices.sample()[0])
        real_servers.install("django_crm", DJANGO_CRM_DEALS)


if __name__ == "__main__":
    main()
