"""One system that is a Tryton: its calls, its settings, and what is remembered of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from api_clients.tryton.directory import Directory
from api_clients.tryton.refusal import refusals
from api_clients.tryton.rpc import Rpc
from api_clients.tryton.settings import Settings
from tandem.errors import Unavailable, UnknownOutcome
from tandem.http.port import HttpPort


class Client(Rpc):
    """A connected Tryton database and its settings."""

    def __init__(self, http: HttpPort, settings: Settings) -> None:
        super().__init__(http, database=settings.database, language=settings.language)
        self.settings = settings
        self.directory = Directory(self)

    @contextmanager
    def about(self, subject: str, *, safe: bool = True) -> Iterator[None]:
        """Failures of the block in the domain's words, named after the reference or key that was asked for."""
        try:
            with refusals(self.http.system, subject):
                yield
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            kind = Unavailable if safe else UnknownOutcome
            raise kind(
                "{system} answered about {subject} with values that make no sense. The books are read before anything "
                "is written.",
                system=self.http.system,
                subject=subject,
            ) from error


def connect(http: HttpPort, settings: Settings) -> Client:
    """The client of one system; nothing is sent yet."""
    return Client(http, settings)
