"""Time worked for projects: the entries that employees are booked with, and what a project has taken."""

from datetime import date
from decimal import Decimal

from pydantic import Field

from tandem.domain.operation import Difference, Operation, unequal
from tandem.domain.record import Number, Record, Text


class TimeEntryLookup(Record):
    external_reference: Text


class TimeEntry(Record):
    """What one employee worked on one day for a project, or for a task of it; in hundredths of an hour.

    ``employee``, ``project``: the codes by which the ERP knows them. ``external_reference`` is the entry's identity.
    """

    external_reference: Text = Field(max_length=35)
    employee: Text
    project: Text
    worked_on: date
    hours: Number = Field(gt=0, le=24, decimal_places=2)
    note: str = ""

    def lookup(self) -> TimeEntryLookup:
        return TimeEntryLookup(external_reference=self.external_reference)

    def differences(self, document: "TimeEntryDocument") -> tuple[Difference, ...]:
        return tuple(unequal(self, document, ("employee", "project", "worked_on", "hours", "note")))

    def expected(self) -> "TimeEntryConfirmation":
        return TimeEntryConfirmation(time_entry_id="?", external_reference=self.external_reference)


class TimeEntryCancel(Record):
    """Take one entry back: it counts for nothing any more."""

    external_reference: Text
    time_entry_id: Text

    def lookup(self) -> TimeEntryLookup:
        return TimeEntryLookup(external_reference=self.external_reference)

    def concerns(self, document: "TimeEntryDocument") -> bool:
        return document.time_entry_id == self.time_entry_id

    def differences(self, document: "TimeEntryDocument") -> tuple[Difference, ...]:
        return () if document.cancelled else (Difference(field="cancelled", asked="yes", found="no"),)

    def expected(self) -> "TimeEntryConfirmation":
        return TimeEntryConfirmation(time_entry_id=self.time_entry_id, external_reference=self.external_reference)


class TimeEntryConfirmation(Record):
    time_entry_id: Text
    external_reference: Text

    @property
    def document_id(self) -> str:
        return self.time_entry_id

    def compensation(self) -> TimeEntryCancel:
        return TimeEntryCancel(external_reference=self.external_reference, time_entry_id=self.time_entry_id)


class TimeEntryDocument(Record):
    """A time entry as it stands in the ERP's books. ``hours`` of a cancelled one may be 0."""

    time_entry_id: Text
    external_reference: Text
    employee: Text
    project: Text
    worked_on: date
    hours: Number
    note: str = ""
    cancelled: bool = False

    @property
    def document_id(self) -> str:
        return self.time_entry_id

    @property
    def void(self) -> bool:
        return self.cancelled

    def result(self) -> TimeEntryConfirmation:
        return TimeEntryConfirmation(time_entry_id=self.time_entry_id, external_reference=self.external_reference)


class TimeEntriesFound(Record):
    documents: tuple[TimeEntryDocument, ...] = ()


class ProjectTimeLookup(Record):
    """A project with all its tasks, from ``first_on`` to ``last_on``, both included; None: without limit."""

    project: Text
    first_on: date | None = None
    last_on: date | None = None


class EmployeeTime(Record):
    employee: Text
    hours: Number


class ProjectTime(Record):
    """The hours of each employee who worked for the project, whoever booked them; by the employee's code."""

    project: Text
    employees: tuple[EmployeeTime, ...] = ()

    @property
    def hours(self) -> Decimal:
        """The hours of all of them."""
        return sum((each.hours for each in self.employees), Decimal(0))


TIME_ENTRY_FIND = Operation("time_entry.find", TimeEntryLookup, TimeEntriesFound, effect="read")
TIME_ENTRY_CREATE = Operation(
    "time_entry.create",
    TimeEntry,
    TimeEntryConfirmation,
    effect="create",
    read_back="time_entry.find",
    compensated_by="time_entry.cancel",
)
TIME_ENTRY_CANCEL = Operation(
    "time_entry.cancel", TimeEntryCancel, TimeEntryConfirmation, effect="update", read_back="time_entry.find"
)
PROJECT_TIME_FIND = Operation("project_time.find", ProjectTimeLookup, ProjectTime, effect="read")
