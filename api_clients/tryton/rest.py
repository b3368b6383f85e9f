"""Tryton's REST API over one HTTP port: records and buttons, for a user who has given an application key.

It fills in no forms and knows no wizards, so that an order made through it would have no taxes and no addresses: what
needs those is not offered. Source: Tryton's ``protocols/rest.py``, 8.0, and what a server of that series answers.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, NoReturn, cast
from urllib.parse import quote

import httpx

from api_clients.tryton import failure
from api_clients.tryton.api import Fill
from api_clients.tryton.context import context_of
from api_clients.tryton.fault import Fault, Refused
from api_clients.tryton.pages import Pages
from api_clients.tryton.query import fields_of, parts, urlsafe
from api_clients.tryton.record import LeftOut, row
from api_clients.tryton.values import Row, encoded, parsed
from tandem.errors import AccessRefused, NotOffered, TandemError, Unavailable
from tandem.http.port import HttpPort

_ACCEPT = {"accept": "application/json"}
"""Of a GET. With a content type of JSON beside it, Tryton says 400 of what it otherwise says 500 of."""

_JSON = {**_ACCEPT, "content-type": "application/json"}
_CONTEXT = "x-tryton-context"
_BEYOND_THE_LAST = 416


class Rest:
    """The Api of an application key. ``language``: of Tryton's messages."""

    def __init__(self, http: HttpPort, *, database: str, language: str = "en") -> None:
        self.http = http
        self._root = f"/{quote(database, safe='')}/rest/model"
        self._database, self._language = database, language
        self._context: Row | None = None

    async def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        order: Sequence[Sequence[str]] | None = None,
        **context: object,
    ) -> list[Row]:
        """Page by page; a long list of values in the domain in several parts, each ordered by itself."""
        headers = {**_ACCEPT, _CONTEXT: urlsafe({**await self._preferences(), **context})}
        by = [*(order or ()), ("id", "ASC")]
        rows: list[Row] = []
        for part in parts(domain):
            query = {"d": urlsafe(part), "f": list(fields), "o": urlsafe(by)}
            pages = Pages(self.http.system, model)
            while not pages.complete:
                pages.add(*await self._page(model, query, headers | pages.header, part))
            rows += [self._row(model, record, fields) for record in pages.records]
        return rows

    async def create(self, model: str, record: Row) -> int:
        """One call."""
        made = await self._send("POST", model, record)
        return int(made["id"])

    async def write(self, model: str, id_: int, record: Row) -> None:
        """One call."""
        await self._send("PUT", f"{model}/{id_}", record)

    async def press(self, model: str, button: str, id_: int) -> None:
        """One call."""
        await self._send("POST", f"{model}/{id_}/{button}", {})

    async def today(self) -> date:
        """One call."""
        return cast(date, await self._send("POST", "ir.date/today", {}, safe=True))

    async def call(self, model: str, method: str, *arguments: object, **context: object) -> Any:
        """Raises NotOffered."""
        self.require_screens()

    async def wizard(self, name: str, model: str, ids: Sequence[int], forms: Mapping[str, tuple[Fill, str]]) -> None:
        """Raises NotOffered."""
        self.require_screens()

    def require_screens(self) -> NoReturn:
        """Raises NotOffered."""
        raise NotOffered(
            "The REST API of {system} fills in no forms as Tryton's screens do, which this needs. Nothing was changed. "
            "Give auth of kind session in tandem.yaml, or let another channel do it.",
            system=self.http.system,
        )

    def unbelievable(self, what: str, *, safe: bool) -> TandemError:
        """As the Api has it."""
        return failure.unbelievable(self.http.system, what, safe=safe)

    async def _preferences(self) -> Row:
        """Asked once, and whether the server hears them: without them it hides what belongs to a company."""
        if self._context is None:
            told = await self._sent("POST", "res.user/get_preferences", {"context_only": True}, _JSON, safe=True)
            context = context_of(self.http.system, told, self._language)
            headers = {**_JSON, _CONTEXT: urlsafe(context)}
            asked = {"fields_names": ["company"], "with_rec_name": False}
            heard = await self._sent("POST", "company.employee/default_get", asked, headers, safe=True)
            if heard.get("company") != context["company"]:
                raise self._unheard()
            self._context = context
        return self._context

    async def _page(
        self, model: str, query: Mapping[str, Any], headers: Mapping[str, str], domain: Sequence[Any]
    ) -> tuple[list[Row], str]:
        """A page and its ``Content-Range``. Tryton says 500 of what it does not have, too, so that is looked up."""
        try:
            response = await self.http.send("GET", f"{self._root}/{model}", params=query, headers=headers)
        except Unavailable:
            plain = {name: value for name, value in headers.items() if name != "range"}
            absent = await self._absent(model, [*query["f"], *fields_of(domain)], plain)
            if absent is None:
                raise
            raise failure.absent(self.http.system, absent) from None
        if response.status_code == _BEYOND_THE_LAST:
            return [], ""
        page = self._judge(response, model, safe=True)
        if not isinstance(page, list):
            raise self.unbelievable(model, safe=True)
        return page, response.headers.get("content-range", "")

    async def _absent(self, model: str, fields: Sequence[str], headers: Mapping[str, str]) -> str | None:
        """The model, or the field of it, that the database does not have; None when that cannot be said."""
        names = {field.partition(".")[0] for field in fields}
        try:
            if not await self._names("ir.model", [["name", "=", model]], headers):
                return model
            known = await self._names("ir.model.field", [["model", "=", model], ["name", "in", sorted(names)]], headers)
        except (TandemError, Refused):
            return None
        return next(iter(sorted(names - known)), None) if known else None

    async def _names(self, model: str, domain: Sequence[Any], headers: Mapping[str, str]) -> set[str]:
        query = {"d": urlsafe(domain), "f": "name"}
        response = await self.http.send("GET", f"{self._root}/{model}", params=query, headers=headers)
        return {record["name"] for record in self._judge(response, model, safe=True)}

    async def _send(self, method: str, resource: str, body: Row, *, safe: bool = False) -> Any:
        headers = {**_JSON, _CONTEXT: urlsafe(await self._preferences())}
        return await self._sent(method, f"{resource}?f=id", body, headers, safe=safe)

    async def _sent(self, method: str, resource: str, body: Row, headers: Mapping[str, str], *, safe: bool) -> Any:
        content = json.dumps(encoded(body), ensure_ascii=False)
        response = await self.http.send(method, f"{self._root}/{resource}", headers=headers, content=content, safe=safe)
        return self._judge(response, resource.partition("?")[0], safe=safe)

    def _judge(self, response: httpx.Response, what: str, *, safe: bool) -> Any:
        """The answer's value. A no is only what has its form: Tryton says 400 as well when it breaks at a POST."""
        try:
            value = parsed(response.content)
        except ValueError:
            value = None
        match response.status_code, value:
            case 200, _ if value is not None:
                return value
            case 400, {"status": 400, "message": str(message)}:
                raise Refused(Fault("UserError", message))
            case 403, _:
                raise failure.forbidden(self.http.system, what)
            case 404, _ if safe:
                raise failure.no_database(self.http.system, self._database)
            case 404, _:
                raise Refused(Fault("NotFound", f"404 {what}"))
        raise self.unbelievable(what, safe=safe)

    def _row(self, model: str, record: Row, fields: Sequence[str]) -> Row:
        """Tryton leaves out what the user may not see, and says nothing."""
        try:
            return row(record, fields)
        except LeftOut as left_out:
            raise AccessRefused(
                "{system} does not show {field} of {model} to the user of this key. Nothing was changed. Give the user "
                "the groups that may see it, then retry.",
                system=self.http.system,
                field=left_out,
                model=model,
            ) from None

    def _unheard(self) -> NotOffered:
        return NotOffered(
            "{system} does not hear the header X-Tryton-Context, without which it hides orders and credit limits. "
            "Nothing was changed. Let the proxy before it pass that header on, or give auth of kind session in "
            "tandem.yaml.",
            system=self.http.system,
        )
