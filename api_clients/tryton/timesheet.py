"""Time entries, between the domain's words and those of timesheet.line.

The reference stands in the line's ``uuid``, by which Tryton's own apps know a line again and which Tryton keeps unique.
A line has no state: a cancelled one is left with no time on it, so that nothing sent late can take its place, and an
entry that is made anew is written over it.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from api_clients.tryton.api import Api
from api_clients.tryton.number import draft_id
from api_clients.tryton.refusal import missing
from api_clients.tryton.values import Row, related
from tandem.domain.time_entry import (
    EmployeeTime,
    ProjectTime,
    ProjectTimeLookup,
    TimeEntriesFound,
    TimeEntry,
    TimeEntryCancel,
    TimeEntryConfirmation,
    TimeEntryDocument,
)
from tandem.errors import ValidationFailed
from tandem.http.together import together
from tandem.text import phrase

LINE = "timesheet.line"
_PROJECT, _EMPLOYEE = "project.work", "company.employee"
_FIELDS = ("uuid", "date", "duration", "description", "employee.party.code", "work.origin")
_NO_TIME = timedelta()
_PLACES = 4


async def found(client: Api, reference: str) -> TimeEntriesFound:
    """The entry with this reference, if there is one; of which project it is takes a second call."""
    rows = await client.search_read(LINE, [["uuid", "=", reference]], _FIELDS)
    numbers = await _project_numbers(client, rows) if rows else {}
    return TimeEntriesFound(documents=tuple(_document(row, numbers) for row in rows))


async def values(client: Api, entry: TimeEntry) -> Row:
    """The record to write. Raises ValidationFailed when the employee or the project takes no time."""
    employee, work = await together(_employee(client, entry.employee), _work(client, entry.project))
    return {
        "uuid": entry.external_reference,
        "employee": employee,
        "work": work,
        "date": entry.worked_on,
        "duration": timedelta(seconds=float(entry.hours * 3600)),
        "description": entry.note,
    }


async def write(client: Api, record: Row, cancelled: TimeEntryDocument | None) -> int:
    """Book a new line, or the cancelled one anew; its id."""
    if cancelled is None:
        return await client.create(LINE, record)
    id_ = _record_id(cancelled.time_entry_id)
    await client.write(LINE, id_, record)
    return id_


async def concerned(client: Api, request: TimeEntryCancel) -> TimeEntryDocument:
    """The entry that the request is about. Raises DocumentNotFound."""
    for entry in (await found(client, request.external_reference)).documents:
        if request.concerns(entry):
            return entry
    raise missing(client.http.system, phrase("time entry"), request.time_entry_id, request.external_reference)


async def clear(client: Api, entry: TimeEntryDocument) -> None:
    """Take the time off a line that still has some."""
    if not entry.cancelled:
        await client.write(LINE, _record_id(entry.time_entry_id), {"duration": _NO_TIME})


def confirmation(entry: TimeEntry, id_: int) -> TimeEntryConfirmation:
    """A line has no number but that of its record."""
    return TimeEntryConfirmation(time_entry_id=draft_id({"id": id_}), external_reference=entry.external_reference)


async def project_time(client: Api, lookup: ProjectTimeLookup) -> ProjectTime:
    """Three calls, however many entries. Raises ValidationFailed when there is no such project."""
    project = await _project(client, lookup.project)
    parts = await client.search_read(_PROJECT, [["parent", "child_of", [project["id"]]]], ["timesheet_works"])
    domain: list[Any] = [["work", "in", [work for part in parts for work in part["timesheet_works"]]]]
    if lookup.first_on is not None:
        domain.append(["date", ">=", lookup.first_on])
    if lookup.last_on is not None:
        domain.append(["date", "<=", lookup.last_on])
    rows = await client.search_read(LINE, domain, ["employee.party.code", "duration"])
    return ProjectTime(project=lookup.project, employees=_by_employee(rows))


def _record_id(time_entry: str) -> int:
    return int(time_entry.removeprefix("#"))


async def _employee(client: Api, code: str) -> int:
    """By the code of the party; one who has left too, whose last days may be booked later."""
    rows = await client.search_read(_EMPLOYEE, [["party.code", "=", code]], ["id"], active_test=False)
    if len(rows) != 1:
        raise ValidationFailed(
            "{system} has {count} employees with the code {employee}; one is needed. Nothing was changed. Correct the "
            "code, then retry.",
            system=client.http.system,
            count=len(rows),
            employee=code,
        )
    return int(rows[0]["id"])


async def _work(client: Api, number: str) -> int:
    """What the time of a project, or of a task, is booked on."""
    works = (await _project(client, number))["timesheet_works"]
    if not works:
        raise ValidationFailed(
            "Project {project} of {system} takes no time. Nothing was changed. Make it available on timesheets there, "
            "or correct the number, then retry.",
            project=number,
            system=client.http.system,
        )
    return int(works[0])


async def _project(client: Api, number: str) -> Row:
    rows = await client.search_read(_PROJECT, [["number", "=", number]], ["timesheet_works"])
    if not rows:
        raise ValidationFailed(
            "{system} has no project or task {project}. Nothing was changed. Correct the number, then retry.",
            system=client.http.system,
            project=number,
        )
    return rows[0]


async def _project_numbers(client: Api, rows: Sequence[Row]) -> dict[str, str]:
    """Of each project that is the origin of a line's work. REST looks through no reference."""
    ids = [int(origin.partition(",")[2]) for row in rows if (origin := related(row, "work", "origin"))]
    projects = await client.search_read(_PROJECT, [["id", "in", ids]], ["number"])
    return {f"{_PROJECT},{project['id']}": project["number"] for project in projects}


def _document(row: Row, numbers: Mapping[str, str]) -> TimeEntryDocument:
    return TimeEntryDocument(
        time_entry_id=draft_id(row),
        external_reference=row["uuid"],
        employee=related(row, "employee", "party.")["code"],
        project=numbers[related(row, "work", "origin")],
        worked_on=row["date"],
        hours=_hours(row["duration"]),
        note=row["description"] or "",
        cancelled=row["duration"] == _NO_TIME,
    )


def _by_employee(rows: Sequence[Row]) -> tuple[EmployeeTime, ...]:
    spent: dict[str, timedelta] = {}
    for row in rows:
        employee = related(row, "employee", "party.")["code"]
        spent[employee] = spent.get(employee, _NO_TIME) + row["duration"]
    return tuple(EmployeeTime(employee=code, hours=_hours(time)) for code, time in sorted(spent.items()) if time)


def _hours(time: timedelta) -> Decimal:
    return round(Decimal(str(time.total_seconds())) / 3600, _PLACES)
