"""A sandbox of SAP that the tests of one module share."""

from collections.abc import Iterator

import pytest

from tests.sandboxes.sap_gateway import Gateway, gateway


@pytest.fixture(scope="module")
def sap() -> Iterator[Gateway]:
    with gateway() as running:
        yield running
