"""What a clerk reads of runs and tickets, in their language; and a question no progress bar is drawn over."""

from collections.abc import Iterator
from io import StringIO
from typing import get_args

import pytest
from rich.console import Console

from tandem.cli.session import Session
from tandem.cli.tickets import stopped_at
from tandem.cli.words import word
from tandem.cli.work import progress_bar
from tandem.store.firings import FiringOutcome
from tandem.store.runs import RunStatus
from tandem.store.tickets import TicketRun, TicketStatus
from tandem.text import language, use_language


@pytest.fixture
def chinese() -> Iterator[None]:
    before = language()
    use_language("zh")
    yield
    use_language(before)


@pytest.mark.usefixtures("chinese")
def test_statuses_and_outcomes_are_in_the_readers_language() -> None:
    statuses = (*get_args(RunStatus), *get_args(TicketStatus), *get_args(FiringOutcome), "retried", "fired")
    outcomes = ("created", "refused", "draft", "repeated", "declined", "no_twin", "twin_found", "late_change_found")
    known = (*statuses, *outcomes)
    assert [each for each in known if word(each).isascii()] == []
    assert word("credit_held") == "credit_held"
    assert word(None) == ""


def test_ticket_names_the_reference_of_a_run_only_where_it_has_one() -> None:
    assert stopped_at(TicketRun("01k", "erp.stock.check", True, None)) == "Run 01k, step erp.stock.check"
    assert stopped_at(TicketRun("01k", "s", True, "4711")) == "Run 01k, step s, reference 4711"


def test_bar_is_away_while_a_person_is_asked() -> None:
    session = Session(console=Console(file=StringIO(), force_terminal=True, width=80))
    with progress_bar(session) as bar:
        with session.undisturbed():
            assert not bar.live.is_started
        assert bar.live.is_started
    with session.undisturbed():
        assert not bar.live.is_started
    assert not bar.live.is_started
