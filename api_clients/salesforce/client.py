"""The REST API of one org: queries, single records, several changes at once, what changed since."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

import httpx

from api_clients.salesforce import composite
from api_clients.salesforce.answer import Reader
from api_clients.salesforce.composite import Change, MalformedComposite
from api_clients.salesforce.fault import Refused
from api_clients.salesforce.limits import ApiUsage, usage_of
from api_clients.salesforce.soql import instant, instant_literal
from tandem.http.port import HttpPort
from tandem.log import event

Record = dict[str, Any]
"""A record as JSON: fields by API name, a parent as a nested record, numbers with decimals as Decimal."""

_TIGHT_PAUSE_S = 1.0


@dataclass(frozen=True)
class Upserted:
    """``record_id`` None: the version of the API does not tell it for a record that was there before."""

    record_id: str | None
    created: bool


@dataclass(frozen=True)
class Updated:
    """``covered_until``: changes up to then are all among ``record_ids``; the next question starts there."""

    record_ids: tuple[str, ...]
    covered_until: datetime


class Client:
    """Reads raise Refused, NotSent, AccessRefused; writes UnknownOutcome as well, when nobody can know.

    ``usage``: the day's API calls as the last answer told them; None before the first.
    """

    def __init__(self, http: HttpPort, *, api_version: str = "66.0") -> None:
        self.http = http
        self.usage: ApiUsage | None = None
        self._root = f"/services/data/v{api_version}"
        self._reader = Reader(http.system, http.clock)
        self._restarting = asyncio.Lock()

    async def query(self, soql: str) -> list[Record]:
        """All records, however many pages; records of a child subquery are complete under ``["X"]["records"]``.

        An org keeps the pages of ten queries a user. When another one took the place of ours, the query starts anew,
        one such query at a time.
        """
        try:
            return await self._queried(soql)
        except Refused as refused:
            if refused.fault.code != "INVALID_QUERY_LOCATOR":
                raise
        async with self._restarting:
            return await self._queried(soql)

    async def read(self, sobject: str, record_id: str, fields: Sequence[str]) -> Record:
        """One record by its id. Raises Refused with status 404 when there is none."""
        return await self._get(f"sobjects/{sobject}/{quote(record_id, safe='')}", {"fields": ",".join(fields)})

    async def read_by_key(self, sobject: str, key_field: str, key: str, fields: Sequence[str]) -> Record:
        """One record by an external id. Raises Refused: 404 for none, 300 for several."""
        return await self._get(_keyed(sobject, key_field, key), {"fields": ",".join(fields)})

    async def create(self, sobject: str, values: Mapping[str, Any]) -> str:
        """The id of the new record. Not safe to repeat: prefer ``upsert``."""
        response = await self._call("POST", f"{self._root}/sobjects/{sobject}", json=values)
        record_id = self._reader.payload(response, safe=False).get("id")
        if not isinstance(record_id, str):
            raise self._reader.unbelievable(safe=False, why="it names no id of the new record")
        return record_id

    async def update(self, sobject: str, record_id: str, values: Mapping[str, Any]) -> None:
        """Change the given fields only; None clears one."""
        await self._call("PATCH", f"{self._root}/sobjects/{sobject}/{quote(record_id, safe='')}", json=values)

    async def upsert(self, sobject: str, key_field: str, key: str, values: Mapping[str, Any]) -> Upserted:
        """Create the record with this external id, or update it. Safe to repeat when the field is unique.

        A rival that created it in the same moment makes Salesforce refuse ours as a duplicate; ours then updates it.
        Raises Refused with status 300 when several records have the key: nothing is written then.
        """
        path = f"{self._root}/{_keyed(sobject, key_field, key)}"
        try:
            response = await self._call("PATCH", path, json=values)
        except Refused as refused:
            if refused.fault.code != "DUPLICATE_VALUE":
                raise
            response = await self._call("PATCH", path, json=values)
        if response.status_code == 204:
            return Upserted(None, created=False)
        body = self._reader.payload(response, safe=False)
        return Upserted(body.get("id"), created=response.status_code == 201)

    async def change_all(self, changes: Sequence[Change]) -> None:
        """All changes or none, in one call. Raises Refused, whose ``position`` is that of the change to blame."""
        body = composite.encoded(changes, self._root)
        response = await self._call("POST", f"{self._root}/composite", json=body)
        try:
            composite.check(self._reader.payload(response, safe=False), len(changes))
        except MalformedComposite as malformed:
            raise self._reader.unbelievable(safe=False, why=str(malformed)) from malformed

    async def updated(self, sobject: str, start: datetime, end: datetime) -> Updated:
        """Records created or changed between two aware instants, of which Salesforce takes the minutes.

        Raises Refused INVALID_REPLICATION_DATE unless they are a minute or more apart and within the last 30 days.
        """
        body = await self._get(
            f"sobjects/{sobject}/updated/", {"start": instant_literal(start), "end": instant_literal(end)}
        )
        try:
            return Updated(tuple(map(str, body["ids"])), instant(body["latestDateCovered"]))
        except (KeyError, TypeError, ValueError):
            raise self._reader.unbelievable(safe=True, why="it does not say what it covers") from None

    async def _queried(self, soql: str) -> list[Record]:
        page = await self._get("query", {"q": soql})
        records = await self._records(page)
        for record in records:
            for field, value in record.items():
                if isinstance(value, dict) and "records" in value:
                    record[field] = {"records": await self._records(value)}
        return records

    async def _records(self, page: Record) -> list[Record]:
        """The records of this page and of those that follow."""
        records: list[Record] = []
        try:
            while True:
                records += page["records"]
                if page["done"]:
                    return records
                response = await self._call("GET", page["nextRecordsUrl"])
                page = self._reader.payload(response, safe=True)
        except (KeyError, TypeError):
            raise self._reader.unbelievable(safe=True, why="it is no page of a query") from None

    async def _get(self, resource: str, params: Mapping[str, str]) -> Record:
        response = await self._call("GET", f"{self._root}/{resource}", params=params)
        return self._reader.payload(response, safe=True)

    async def _call(
        self, method: str, path: str, *, params: Mapping[str, str] | None = None, json: Any = None
    ) -> httpx.Response:
        response = await self.http.send(method, path, params=params, json=json)
        self._watch(usage_of(response.headers))
        try:
            return self._reader.accepted(response, safe=method == "GET")
        except Refused as refused:
            if refused.retry_after_s:
                self.http.pause(refused.retry_after_s)
            raise

    def _watch(self, usage: ApiUsage | None) -> None:
        """Slow down while other programs of the org need what is left of the day's calls."""
        if usage is None:
            return
        if usage.is_tight:
            self.http.pause(_TIGHT_PAUSE_S)
            if self.usage is None or not self.usage.is_tight:
                event("quota.tight", level="WARNING", system=self.http.system, used=usage.used, most=usage.most)
        self.usage = usage


def _keyed(sobject: str, key_field: str, key: str) -> str:
    return f"sobjects/{sobject}/{key_field}/{quote(key, safe='')}"
