"""HMAC-SHA256 as the Standard Webhooks specification has it (standardwebhooks.com, version 1, symmetric).

Signed is ``<webhook-id>.<webhook-timestamp>.<body>``; the header ``webhook-signature`` holds one or more
``v1,<base64>``, separated by spaces. A secret is ``whsec_<base64>``, or any text.
"""

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from tandem.domain.delivery import Delivery, Posted, Reply, Unproven, Unreadable

_PREFIX = "whsec_"
_VERSION = "v1,"
_ID = re.compile(r"[\x21-\x7e]{1,256}")
SHORTEST_KEY = 16


def key_of(secret: str) -> bytes:
    """The key of a secret. Raises ValueError when it is not base64 after whsec_, or shorter than 16 bytes."""
    key = b64decode(secret.removeprefix(_PREFIX), validate=True) if secret.startswith(_PREFIX) else secret.encode()
    if len(key) < SHORTEST_KEY:
        raise ValueError("too short")
    return key


def signature(key: bytes, delivery_id: str, timestamp: str, body: bytes) -> str:
    """The signature of one message, as it stands in the header."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return _VERSION + b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


class StandardWebhook:
    """``keys``: of the secret in force, and during a rotation of the previous one. ``window``: how old, or how far
    ahead of our clock, a message may be; within it the same message is recognised by its id.
    """

    def __init__(self, keys: Sequence[bytes], window: timedelta) -> None:
        self._keys, self._window = tuple(keys), window

    def deliveries(self, posted: Posted, now: datetime) -> Sequence[Delivery]:
        """The one delivery: the body, a JSON object. Raises Unproven, Unreadable."""
        delivery_id, timestamp = posted.headers.get("webhook-id", ""), posted.headers.get("webhook-timestamp", "")
        if _ID.fullmatch(delivery_id) is None:
            raise Unproven("id")
        if not self._is_signed(posted, delivery_id, timestamp):
            raise Unproven("signature")
        if not timestamp.isdigit() or abs(now.timestamp() - int(timestamp)) > self._window.total_seconds():
            raise Unproven("timestamp")
        return [Delivery(delivery_id, _object(posted.body))]

    def reply(self) -> Reply:
        """Any 2xx will do."""
        return Reply()

    def _is_signed(self, posted: Posted, delivery_id: str, timestamp: str) -> bool:
        given = posted.headers.get("webhook-signature", "").split(" ")
        expected = [signature(key, delivery_id, timestamp, posted.body) for key in self._keys]
        return any(hmac.compare_digest(mine.encode(), each.encode()) for mine in expected for each in given)


def _object(body: bytes) -> dict[str, object]:
    try:
        found = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Unreadable("it is not JSON") from None
    if not isinstance(found, dict):
        raise Unreadable("it is no JSON object")
    return found


def _no_constant(name: str) -> Iterator[None]:
    raise ValueError(name)
