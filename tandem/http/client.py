"""The httpx client of one system: verified TLS, HTTP/2 where served, no cookies, no redirects."""

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path

import httpx

from tandem.errors import UsageError
from tandem.http.settings import ApiSettings

_KEEP_ALIVE_S = 4.0
"""Shorter than the five seconds after which many servers close: a write is not sent into a closing connection."""

_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")


def new_client(system: str, settings: ApiSettings) -> httpx.AsyncClient:
    """Connects on the first call only. Raises UsageError when ``ca_file`` cannot be used."""
    timeouts, concurrent = settings.timeouts, settings.quota.concurrent
    return httpx.AsyncClient(
        http2=True,
        verify=_tls(system, settings.ca_file),
        headers={"user-agent": "Tandem", **settings.headers},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(
            connect=timeouts.connect_s, read=timeouts.read_s, write=timeouts.write_s, pool=timeouts.pool_s
        ),
        limits=httpx.Limits(
            max_connections=concurrent + 1, max_keepalive_connections=concurrent + 1, keepalive_expiry=_KEEP_ALIVE_S
        ),
        mounts=dict.fromkeys(_LOOPBACK),
        follow_redirects=False,
    )


def _tls(system: str, ca_file: Path | None) -> ssl.SSLContext:
    context = httpx.create_ssl_context()
    context.load_default_certs()
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(cafile=ca_file)
    except OSError as error:
        why = "it holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
        raise UsageError(
            "The ca_file {path} of system {system} cannot be used: {why}. Name a PEM file with the certificates of the "
            "authorities to trust.",
            path=ca_file,
            system=system,
            why=why,
        ) from None
    return context
