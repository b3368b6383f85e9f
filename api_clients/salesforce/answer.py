"""One answer of the REST API: taken as it is, refused, or not to be believed."""

import json
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from api_clients.salesforce.fault import LIMIT_EXCEEDED, SEVERAL_MATCH, Fault, Refused, fault_of, parsed
from api_clients.salesforce.limits import usage_of
from tandem.domain.clock import Clock
from tandem.errors import TandemError, Unavailable, UnknownOutcome
from tandem.http.retry_after import retry_after_s

_DAILY_RETRY_S = 3600.0
"""The allowance is of the last 24 hours, so some of it comes back by and by; within minutes nothing does."""
_CONCURRENT_RETRY_S = 10.0


@dataclass(frozen=True)
class Reader:
    """Reads the answers of one system. ``safe``: the request changed nothing.

    An answer nobody can believe is Unavailable then, and UnknownOutcome otherwise.
    """

    system: str
    clock: Clock

    def accepted(self, response: httpx.Response, *, safe: bool) -> httpx.Response:
        """The answer itself when it is 2xx. Raises Refused, Unavailable, UnknownOutcome."""
        if response.is_success:
            return response
        fault = fault_of(parsed(response.content))
        if response.status_code == 300:
            raise Refused(300, fault or Fault(SEVERAL_MATCH))
        if fault is None:
            raise self.unbelievable(safe=safe, why=f"status {response.status_code} without an error of Salesforce")
        retry_after_s = self._retry_after_s(response) if fault.code == LIMIT_EXCEEDED else 0.0
        raise Refused(response.status_code, fault, retry_after_s=retry_after_s)

    def payload(self, response: httpx.Response, *, safe: bool) -> dict[str, Any]:
        """The JSON object of an answer, numbers with decimals as Decimal. Raises Unavailable, UnknownOutcome."""
        try:
            body = json.loads(response.content, parse_float=Decimal)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise self.unbelievable(safe=safe, why="its body is no JSON object")
        return body

    def unbelievable(self, *, safe: bool, why: str) -> TandemError:
        """The error of an answer that says nothing about the request."""
        if safe:
            return Unavailable(
                "{system} gave no usable answer: {why}. Nothing was changed; it is asked again later.",
                system=self.system,
                why=why,
            )
        return UnknownOutcome(
            "{system} gave no usable answer to a change: {why}. The books are read before anything else.",
            system=self.system,
            why=why,
        )

    def _retry_after_s(self, response: httpx.Response) -> float:
        """One code stands for two limits and texts are translated: the usage tells whether the day is spent."""
        asked_s = retry_after_s(response.headers.get("retry-after"), self.clock.now())
        if asked_s is not None:
            return asked_s
        usage = usage_of(response.headers)
        return _DAILY_RETRY_S if usage is not None and usage.is_spent else _CONCURRENT_RETRY_S
