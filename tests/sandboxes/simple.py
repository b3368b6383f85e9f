"""``simple-salesforce``, logged in to a sandbox that it takes for Salesforce."""

import re
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from starlette.applications import Starlette

from fixtures.sandbox.serve import Server


class LoginHost(HTTPAdapter):
    """Stands for the name service: the login hosts the client insists on are the sandbox."""

    def __init__(self, url: str) -> None:
        self._url = url
        super().__init__()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        assert request.url is not None
        request.url = re.sub(r"^https://[\w.]+\.salesforce\.com", self._url, request.url)
        return super().send(request, **options)


def trusting(session: requests.Session, server: Server) -> requests.Session:
    session.trust_env = False
    session.verify = str(server.ca_file)
    for name in ("login", "acme.my"):
        session.mount(f"https://{name}.salesforce.com", LoginHost(server.url))
    return session


def logged_in(app: Starlette, session: requests.Session, **changed: str) -> Salesforce:
    given = app.state.credentials
    wanted = {
        "username": given["username"],
        "consumer_key": given["client_id"],
        "privatekey_file": given["private_key_file"],
        "version": "66.0",
    }
    return Salesforce(session=session, **wanted | changed)
