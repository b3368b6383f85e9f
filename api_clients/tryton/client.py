"""One system that is a Tryton: its calls, its settings, and what is remembered of it."""

from collections.abc import Iterator
from contextlib import contextmanager

from api_clients.tryton.api import Api
from api_clients.tryton.directory import Directory
from api_clients.tryton.refusal import refusals
from api_clients.tryton.rest import Rest
from api_clients.tryton.rpc import Rpc
from api_clients.tryton.settings import Settings
from tandem.errors import Unavailable, UnknownOutcome
from tandem.http.port import HttpPort


class Client:
    """A connected Tryton database and its settings. It is asked as its Api is."""

    def __init__(self, api: Api, settings: Settings) -> None:
        self.http, self.settings, self.directory = api.http, settings, Directory(api)
        self.search_read, self.call, self.wizard = api.search_read, api.call, api.wizard
        self.create, self.write, self.press, self.today = api.create, api.write, api.press, api.today
        self.require_screens, self.unbelievable = api.require_screens, api.unbelievable

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
    """The client of one system: over REST with a key, over JSON-RPC with anything else. Nothing is sent yet."""
    kind = Rest if http.auth_kind == "api_key" else Rpc
    return Client(kind(http, database=settings.database, language=settings.language), settings)
