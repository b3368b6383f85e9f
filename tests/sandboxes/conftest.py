"""Sandboxes that the tests of one module share. A module of Salesforce tests builds its own ``app``."""

from collections.abc import Iterator

import pytest
import requests
from simple_salesforce import Salesforce
from starlette.applications import Starlette

from fixtures.sandbox.serve import Server, serve
from tests.sandboxes.sap_gateway import Gateway, gateway
from tests.sandboxes.simple import logged_in, trusting


@pytest.fixture(scope="module")
def sap() -> Iterator[Gateway]:
    with gateway() as running:
        yield running


@pytest.fixture(scope="module")
def server(app: Starlette) -> Iterator[Server]:
    with serve(app, tls=True) as running:
        yield running


@pytest.fixture
def session(server: Server) -> Iterator[requests.Session]:
    with requests.Session() as opened:
        yield trusting(opened, server)


@pytest.fixture
def salesforce(app: Starlette, session: requests.Session) -> Salesforce:
    return logged_in(app, session)
