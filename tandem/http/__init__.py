"""The HTTP port: every call of every vendor's API, with login, limits, a breaker, and outcomes to trust."""

from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

__all__ = ["ApiSettings", "HttpPort"]
