"""The port through which every API client speaks HTTP."""

from tandem.http.port import HttpPort
from tandem.http.settings import ApiSettings

__all__ = ["ApiSettings", "HttpPort"]
