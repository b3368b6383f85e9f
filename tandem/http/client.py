"""The httpx client of one system: verified TLS, HTTP/2 where served, no cookies, no redirects."""

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy
from pathlib import Path
from urllib.request import getproxies

import httpx

from tandem.errors import UsageError
from tandem.http.pools import Pools
from tandem.http.settings import ApiSettings

_KEEP_ALIVE_S = 4.0
"""Shorter than the five seconds after which many servers close: a write is not sent into a closing connection."""

_LOOPBACK = ("all://127.0.0.1", "all://localhost", "all://[::1]")


def new_client(system: str, settings: ApiSettings) -> httpx.AsyncClient:
    """Connects on the first call only. Raises UsageError when ``ca_file`` cannot be used."""
    timeouts, tls = settings.timeouts, _tls(system, settings.ca_file)
    pools = _pools(settings.quota.concurrent + 1, tls)
    direct = _LOOPBACK if "all" in getproxies() else (*_LOOPBACK, "all://")
    return httpx.AsyncClient(
        http2=True,
        verify=tls,
        headers={"user-agent": "Tandem", **settings.headers},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
        timeout=httpx.Timeout(
            connect=timeouts.connect_s, read=timeouts.read_s, write=timeouts.write_s, pool=timeouts.pool_s
        ),
        mounts=dict.fromkeys(direct, pools),
        follow_redirects=False,
    )


def _pools(connections: int, tls: ssl.SSLContext) -> Pools:
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1, keepalive_expiry=_KEEP_ALIVE_S)
    return Pools([httpx.AsyncHTTPTransport(http2=True, verify=tls, limits=limits) for _ in range(connections)])


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
