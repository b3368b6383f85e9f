"""Tryton's API rungs for the time of projects against Tryton itself: its own rules, its own database."""

import itertools
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from api_clients.tryton import timesheet
from api_clients.tryton.operations import (
    project_time_find,
    time_entry_cancel,
    time_entry_create,
    time_entry_find,
)
from tandem.domain.time_entry import (
    TIME_ENTRY_CREATE,
    EmployeeTime,
    ProjectTimeLookup,
    TimeEntry,
    TimeEntryConfirmation,
    TimeEntryLookup,
)
from tandem.errors import DocumentNotFound, DuplicateReference, UnknownOutcome, ValidationFailed
from tests import invoices
from tests.tryton_server import Server, failing, performed, reached

_numbers = itertools.count(1)
TODAY = datetime.now(UTC).date()
YESTERDAY = TODAY - timedelta(days=1)


class Tryton:
    """The running server, and what its tests ask of it."""

    def __init__(self, server: Server) -> None:
        self.url, self.client, self.rows = server.url, server.client, server.rows

    def entry(self, **changes: object) -> TimeEntry:
        asked = TimeEntry(
            external_reference=f"HOURS-{next(_numbers)}",
            employee="E-1",
            project="P-1",
            worked_on=YESTERDAY,
            hours=Decimal("7.25"),
            note="Measured the shop",
        )
        return asked.model_copy(update=changes)

    async def project(self, **values: object) -> str:
        """A project of its own; its number."""
        number = f"H-{next(_numbers)}"
        record = {"number": number, "name": number, "type": "project", "timesheet_available": True, **values}
        await self.client.call("project.work", "create", [record])
        return number

    async def entries(self, reference: str):
        return (await time_entry_find(self.client, TimeEntryLookup(external_reference=reference))).documents

    async def hours(self, project: str, first_on: date | None = None, last_on: date | None = None):
        return await project_time_find(
            self.client, ProjectTimeLookup(project=project, first_on=first_on, last_on=last_on)
        )

    def booked(self, reference: str) -> list[tuple[Any, ...]]:
        """Of each line with this reference: employee, work, day, seconds, description."""
        return self.rows(
            "SELECT party.code, project.number, line.date, line.duration, line.description FROM timesheet_line line "
            "JOIN company_employee employee ON employee.id = line.employee "
            "JOIN party_party party ON party.id = employee.party JOIN timesheet_work work ON work.id = line.work "
            "JOIN project_work project ON work.origin = 'project.work,' || project.id WHERE line.uuid = ?",
            reference,
        )


@pytest.fixture
async def tryton(real_server) -> AsyncIterator[Tryton]:
    orders, _ = invoices.sample()
    async with reached(real_server("tryton", orders)) as server:
        yield Tryton(server)


async def test_time_entry_stands_in_trytons_database_as_it_was_asked(tryton):
    asked = tryton.entry(project="P-1.1")
    made = await time_entry_create(tryton.client, asked)
    (document,) = await tryton.entries(asked.external_reference)
    assert asked.differences(document) == ()
    assert (document.time_entry_id, document.void) == (made.time_entry_id, False)
    assert tryton.booked(asked.external_reference) == [
        ("E-1", "P-1.1", str(YESTERDAY), Decimal(26100), "Measured the shop")
    ]


async def test_time_entry_sent_again_is_refused_by_trytons_own_rule(tryton):
    asked = tryton.entry()
    await time_entry_create(tryton.client, asked)
    with pytest.raises(DuplicateReference, match="UUID of timesheet line must be unique"):
        await time_entry_create(tryton.client, asked)
    assert len(tryton.booked(asked.external_reference)) == 1


async def test_cancelled_time_entry_counts_for_nothing_and_cancelling_twice_changes_nothing(tryton):
    project = await tryton.project()
    kept, asked = tryton.entry(project=project, hours=Decimal("0.5")), tryton.entry(project=project)
    await time_entry_create(tryton.client, kept)
    made = await time_entry_create(tryton.client, asked)
    for _ in range(2):
        await time_entry_cancel(tryton.client, made.compensation())
        (document,) = await tryton.entries(asked.external_reference)
        assert document.void
    assert (await tryton.hours(project)).hours == Decimal("0.5")


async def test_time_entry_that_arrives_after_it_was_cancelled_finds_its_place_taken(tryton):
    asked = tryton.entry()
    late = await timesheet.values(tryton.client, asked)
    made = await time_entry_create(tryton.client, asked)
    await time_entry_cancel(tryton.client, made.compensation())
    with pytest.raises(DuplicateReference), tryton.client.about(asked.external_reference, safe=False):
        await tryton.client.call("timesheet.line", "create", [late])


async def test_cancelled_time_entry_is_booked_anew_in_its_place(tryton):
    asked = tryton.entry()
    made = await time_entry_create(tryton.client, asked)
    await time_entry_cancel(tryton.client, made.compensation())
    again = asked.model_copy(update={"employee": "E-2", "hours": Decimal("1.75")})
    assert await time_entry_create(tryton.client, again) == made
    (document,) = await tryton.entries(asked.external_reference)
    assert again.differences(document) == ()
    assert not document.void


async def test_hours_of_a_project_are_those_of_its_tasks_too_by_employee_between_two_days(tryton):
    task = {"number": f"H-{next(_numbers)}", "name": "Task", "type": "task", "timesheet_available": True}
    project = await tryton.project(children=[["create", [task]]])
    for employee, work, days_ago, hours in (
        ("E-2", project, 3, "0.1"),
        ("E-1", project, 2, "0.2"),
        ("E-1", task["number"], 1, "0.35"),
        ("E-2", task["number"], 0, "8"),
    ):
        day = TODAY - timedelta(days=days_ago)
        await time_entry_create(
            tryton.client, tryton.entry(employee=employee, project=work, worked_on=day, hours=Decimal(hours))
        )
    whole = await tryton.hours(project)
    assert whole.employees == (
        EmployeeTime(employee="E-1", hours=Decimal("0.55")),
        EmployeeTime(employee="E-2", hours=Decimal("8.1")),
    )
    assert (await tryton.hours(project, last_on=TODAY - timedelta(days=2))).hours == Decimal("0.3")
    assert (await tryton.hours(project, first_on=TODAY)).hours == 8
    assert (await tryton.hours(str(task["number"]))).hours == Decimal("8.35")


@pytest.mark.parametrize("changes", [{"employee": "NOBODY"}, {"project": "NOPE"}], ids=["employee", "project"])
async def test_time_of_nobody_or_for_nothing_is_refused_and_nothing_is_written(tryton, changes):
    asked = tryton.entry(**changes)
    with pytest.raises(ValidationFailed, match=next(iter(changes.values()))):
        await time_entry_create(tryton.client, asked)
    assert tryton.booked(asked.external_reference) == []


async def test_time_for_a_project_that_takes_none_is_refused(tryton):
    closed = await tryton.project(timesheet_available=False)
    with pytest.raises(ValidationFailed, match="takes no time"):
        await time_entry_create(tryton.client, tryton.entry(project=closed))


async def test_time_outside_the_days_of_the_project_is_refused_in_trytons_words(tryton):
    ended = await tryton.project(timesheet_end_date=YESTERDAY - timedelta(days=1))
    asked = tryton.entry(project=ended)
    with pytest.raises(ValidationFailed, match=r'field "Work" .* of "Timesheet Line"'):
        await time_entry_create(tryton.client, asked)
    assert tryton.booked(asked.external_reference) == []


async def test_hours_of_a_project_nobody_knows_are_refused(tryton):
    with pytest.raises(ValidationFailed, match="no project or task NOPE"):
        await tryton.hours("NOPE")


async def test_time_entry_that_is_not_there_is_not_found(tryton):
    gone = TimeEntryConfirmation(time_entry_id="#999999", external_reference="HOURS-0")
    with pytest.raises(DocumentNotFound, match="no time entry #999999"):
        await time_entry_cancel(tryton.client, gone.compensation())


async def test_lost_answer_to_a_time_entry_is_unknown_and_the_entry_is_found(tryton):
    asked = tryton.entry()
    async with failing(tryton.url, '"model.timesheet.line.create"') as client:
        with pytest.raises(UnknownOutcome):
            await time_entry_create(client, asked)
    (document,) = await tryton.entries(asked.external_reference)
    assert asked.differences(document) == ()


async def test_time_entry_asked_for_by_two_tandems_stands_once(tryton, tmp_path):
    asked = tryton.entry()
    first = await performed(tryton.url, tmp_path / "first.db", TIME_ENTRY_CREATE, asked)
    assert await performed(tryton.url, tmp_path / "second.db", TIME_ENTRY_CREATE, asked) == first
    (document,) = await tryton.entries(asked.external_reference)
    assert document.time_entry_id == first
