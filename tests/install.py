"""Installs the real servers while tests that need none are run: ``python -m tests.install``."""

from contextlib import suppress

from tandem.errors import PackagesMissing
from tests import invoices, real_servers

DJANGO_CRM_DEALS = "60"


def main() -> None:
    """Where packages cannot be fetched, the tests that need them say so."""
    for vendor, orders in (("tryton", invoices.sample()[0]), ("django_crm", DJANGO_CRM_DEALS)):
        with suppress(PackagesMissing):
            real_servers.install(vendor, orders)


if __name__ == "__main__":
    main()
