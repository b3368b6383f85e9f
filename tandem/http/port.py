"""One system's HTTP port."""

import ssl
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx

from tandem import log
from tandem.domain.clock import Clock, SystemClock
from tandem.errors import AccessRefused, TandemError, Throttled, Unavailable, UnknownOutcome, UsageError
from tandem.http.breaker import CircuitBreaker
from tandem.http.limiter import Limiter
from tandem.http.login import Login
from tandem.http.outcome import failure
from tandem.http.settings import ApiSettings

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_RETRY_AFTER_S = 10.0
_REQUEST_IDS = ("x-request-id", "x-correlation-id", "sap-perf-fesrec", "x-sfdc-request-id")


class HttpPort:
    """Sends requests to one system: logged in, within its quota, and with an outcome one can act on.

    Raises, before anything is sent: Unreachable, Throttled, AccessRefused. Afterwards: Unavailable when a safe request
    got no useful answer, UnknownOutcome when a request that changes something did not; 401 after a fresh login is
    AccessRefused. Every other status is the caller's to read. Redirects are not followed.
    """

    def __init__(self, system: str, settings: ApiSettings, *, clock: Clock | None = None) -> None:
        self.system = system
        self.calls = 0
        self._settings = settings
        self._clock: Clock = clock or SystemClock()
        self._client = httpx.AsyncClient(
            http2=True,
            verify=_authorities(system, settings),
            timeout=_timeouts(settings),
            limits=httpx.Limits(
                max_connections=settings.quota.concurrent, max_keepalive_connections=settings.quota.concurrent
            ),
            headers=settings.headers,
            trust_env=False,
        )
        self._login = Login(system, settings.url, settings.auth, self._post_form)
        self._limiter = Limiter(system, settings.quota, self._clock)
        self._breaker = CircuitBreaker(system, settings.breaker, self._clock)

    @property
    def base_url(self) -> str:
        """Where relative paths lead: the configured url, or the instance a login named."""
        return self._login.base_url

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Any = None,
        content: bytes | str | None = None,
        safe: bool | None = None,
    ) -> httpx.Response:
        """Send one request; ``path`` is relative to the base url, or absolute.

        ``safe``: the request changes nothing, whatever its method. A 401 makes one fresh login and one repetition: a
        request that was not let in has not been carried out.
        """
        harmless = method in SAFE_METHODS if safe is None else safe
        for last in (False, True):
            credentials = await self._login.headers()
            generation = self._login.generation
            url = urljoin(self.base_url.rstrip("/") + "/", path)
            request = self._client.build_request(
                method, url, params=params, headers={**credentials, **(headers or {})}, json=json, content=content
            )
            response = await self._exchange(request, safe=harmless)
            if response.status_code != 401:
                return self._believable(response, request, safe=harmless)
            if last or not self._login.renews:
                break
            await self._login.renew(generation)
        raise AccessRefused(
            "System {system} does not let us in (HTTP 401). Nothing was done. Check user and secret in tandem.yaml.",
            system=self.system,
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def _exchange(self, request: httpx.Request, *, safe: bool) -> httpx.Response:
        """One request and its answer, whatever its status."""
        async with self._limiter.place():
            self._breaker.check()
            started_s = time.perf_counter()
            self.calls += 1
            try:
                response = await self._client.send(request, follow_redirects=False)
            except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, httpx.CookieConflict) as error:
                self._breaker.failed()
                failed = failure(error, system=self.system, url=_place(request), safe=safe)
                self._log(request, failed.code, started_s)
                raise failed from None
            except BaseException:
                self._breaker.left()
                raise
        if response.status_code in (502, 503, 504):
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        self._log(request, response.status_code, started_s, response)
        return response

    def _believable(self, response: httpx.Response, request: httpx.Request, *, safe: bool) -> httpx.Response:
        if response.status_code == 429:
            retry_after_s = self._retry_after_s(response)
            self._limiter.pause(retry_after_s)
            raise Throttled(
                "System {system} asks to wait (HTTP 429). Nothing was done.",
                system=self.system,
                retry_after_s=retry_after_s,
            )
        if response.status_code >= 500:
            raise self._server_error(response, request, safe=safe)
        return response

    def _server_error(self, response: httpx.Response, request: httpx.Request, *, safe: bool) -> TandemError:
        kind = Unavailable if safe else UnknownOutcome
        template = (
            "System {system} could not answer a read at {url} (HTTP {status}). It can be asked again."
            if safe
            else "System {system} failed on a write at {url} (HTTP {status}). Whether it was done has to be read back."
        )
        return kind(template, system=self.system, url=_place(request), status=response.status_code)

    def _retry_after_s(self, response: httpx.Response) -> float:
        """The vendor's own word, in seconds or as an HTTP date; else our estimate."""
        text = response.headers.get("retry-after", "").strip()
        if text.isdigit():
            return float(text)
        try:
            until = parsedate_to_datetime(text)
        except ValueError:
            return _RETRY_AFTER_S
        now: datetime = self._clock.now()
        return max(0.0, ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds())

    async def _post_form(self, url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """A token request: it changes nothing that matters, so it may be asked again."""
        request = self._client.build_request("POST", url, content=body, headers=dict(headers))
        return await self._exchange(request, safe=True)

    def _log(
        self, request: httpx.Request, outcome: int | str, started_s: float, response: httpx.Response | None = None
    ) -> None:
        ids = (response.headers.get(name) for name in _REQUEST_IDS) if response is not None else ()
        log.event(
            "http.called",
            level="DEBUG",
            system=self.system,
            method=request.method,
            path=request.url.path,
            outcome=outcome,
            ms=round((time.perf_counter() - started_s) * 1000, 1),
            vendor_request=next((found for found in ids if found), None),
        )


def _place(request: httpx.Request) -> str:
    """The address without its query, which may hold business data."""
    parts = urlsplit(str(request.url))
    return f"{parts.scheme}://{parts.netloc}{parts.path}"


def _timeouts(settings: ApiSettings) -> httpx.Timeout:
    phases = settings.timeouts
    return httpx.Timeout(connect=phases.connect_s, read=phases.read_s, write=phases.write_s, pool=phases.pool_s)


def _authorities(system: str, settings: ApiSettings) -> ssl.SSLContext:
    if settings.ca_file is None:
        return ssl.create_default_context()
    try:
        return ssl.create_default_context(cafile=str(settings.ca_file))
    except (OSError, ssl.SSLError):
        raise UsageError(
            "The authority file {path} of system {system} cannot be read. Give a PEM file with certificates.",
            path=settings.ca_file,
            system=system,
        ) from None
