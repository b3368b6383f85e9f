"""Authlib's OAuth2 server over Flask: JWT bearer (RFC 7523) for one app and one user."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from authlib.integrations.flask_oauth2 import AuthorizationServer
from authlib.oauth2.rfc6749 import ClientMixin
from authlib.oauth2.rfc7523 import JWTBearerGrant
from flask import Flask, Response, request
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

APP = "tandem-app"
USER = "bot@example.com"
AUDIENCE = "https://login.example.com"


class App(ClientMixin):
    """The one app that may log in."""

    client_id = APP

    def get_client_id(self) -> str:
        return self.client_id

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == JWTBearerGrant.GRANT_TYPE

    def get_allowed_scope(self, scope: str | None) -> str:
        return scope or ""


class Grant(JWTBearerGrant):
    """Knows the app, its public key and its user; everything else is Authlib's."""

    public_key: RSAKey

    def resolve_issuer_client(self, issuer: str) -> App | None:
        return App() if issuer == APP else None

    def resolve_client_public_key(self, client: App) -> RSAKey:
        return self.public_key

    def authenticate_user(self, subject: str) -> str | None:
        return subject if subject in (USER, "colleague@example.com") else None

    def has_granted_permission(self, client: App, user: str) -> bool:
        return user == USER

    def get_audiences(self) -> list[str]:
        return [AUDIENCE]


@contextmanager
def serving(key: RSAKey) -> Iterator[str]:
    """The address of the server, which gives tokens at ``/token`` for assertions signed with the key."""
    tokens: list[str] = []

    def save(token: dict[str, Any], asked: Any) -> None:
        tokens.append(token["access_token"])

    flask = Flask("authlib_server")
    issuer = AuthorizationServer(flask, query_client=lambda client_id: None, save_token=save)
    Grant.public_key = key
    issuer.register_grant(Grant)

    @flask.post("/token")
    def token() -> Response:
        answer: Response = issuer.create_token_response()
        return answer

    @flask.get("/orders")
    def orders() -> tuple[str, int]:
        known = request.headers.get("authorization", "").removeprefix("Bearer ") in tokens
        return "", 200 if known else 401

    server = make_server("127.0.0.1", 0, flask, threaded=True)
    thread = threading.Thread(target=server.serve_forever, name="authlib", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()
