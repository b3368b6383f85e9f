"""Whether a system's address answers: one real request, over TLS where the address says https."""

import asyncio
import os
import socket
import ssl
from http import HTTPStatus
from urllib.parse import urlsplit

import httpx

from tandem.errors import UsageError
from tandem.http.client import new_client
from tandem.http.settings import ApiSettings, Timeouts
from tandem.text import tr

_WITHIN_S = 4.0
_DOWN = (HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT)


def fault_of(system: str, settings: ApiSettings) -> str | None:
    """Why nobody can work at this address, as one line; None when it answers, be it only that a login is needed."""
    try:
        status = asyncio.run(_status(system, settings))
    except UsageError as error:
        return str(error)
    except httpx.TimeoutException:
        return tr("no answer within {seconds} s", seconds=f"{_WITHIN_S:g}")
    except httpx.RemoteProtocolError:
        return tr("what listens there does not speak HTTP in clear; does it want https://?")
    except httpx.HTTPError as error:
        return _unconnected(settings.url, error)
    if status in _DOWN:
        return tr("it answers with status {status}: down for now", status=status)
    if status == HTTPStatus.BAD_REQUEST and urlsplit(settings.url).scheme == "http":
        return tr("it answers with status {status}; does it want https://?", status=status)
    return None


async def _status(system: str, settings: ApiSettings) -> int:
    timeouts = Timeouts(connect_s=_WITHIN_S, read_s=_WITHIN_S, write_s=_WITHIN_S, pool_s=_WITHIN_S)
    patient = settings.model_copy(update={"timeouts": timeouts})
    async with new_client(system, patient) as client, client.stream("GET", settings.url) as response:
        return response.status_code


def _unconnected(url: str, error: Exception) -> str:
    reason = _cause(error)
    if isinstance(reason, ssl.SSLCertVerificationError):
        return tr(
            "its certificate is not trusted: {why}. Put the certificate of its authority into ca_file, or have this "
            "machine trust it",
            why=reason.verify_message,
        )
    if isinstance(reason, ssl.SSLError):
        return tr("what listens there does not speak TLS. If it is meant to be in clear, write http://")
    if isinstance(reason, socket.gaierror):
        return tr("there is no host of this name")
    if isinstance(reason, OSError) and reason.errno:
        return os.strerror(reason.errno)
    return tr("the connection failed")


def _cause(error: BaseException) -> BaseException:
    """The operating system's or OpenSSL's own error beneath httpx's."""
    below = error.__cause__ or error.__context__
    return error if below is None else _cause(below)
