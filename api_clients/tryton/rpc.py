"""Tryton's JSON-RPC over one HTTP port: sessions, calls, and answers that can be believed."""

import base64
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date
from functools import partial
from typing import Any, cast
from urllib.parse import quote

import httpx

from api_clients.tryton import failure
from api_clients.tryton.api import Fill
from api_clients.tryton.context import context_of
from api_clients.tryton.fault import Fault, Refused, fault_of
from api_clients.tryton.values import Row, encoded, parsed, plain
from tandem.errors import LoginExpired, LoginRefused, NotOffered, TandemError, Unavailable
from tandem.http.port import HttpPort
from tandem.http.session import Post, Session
from tandem.http.settings import SessionAuth
from tandem.log import register_secret

_JSON = {"content-type": "application/json", "accept": "application/json"}
_READS = frozenset(("default_get", "get_preferences", "on_change", "read", "search_read", "today"))
"""Methods that change nothing."""


class Rpc:
    """The Api that Tryton's own clients use, for a user with a password. ``language``: of Tryton's messages."""

    def __init__(self, http: HttpPort, *, database: str, language: str = "en") -> None:
        self.http = http
        self._path = f"/{quote(database, safe='')}/rpc/"
        self._database, self._language = database, language
        self._context: Row | None = None
        http.opens_sessions_by(partial(_opened, http.system, self._path))

    async def search_read(
        self,
        model: str,
        domain: Sequence[Any],
        fields: Sequence[str],
        *,
        order: Sequence[Sequence[str]] | None = None,
        **context: object,
    ) -> list[Row]:
        """No limit is asked for, and Tryton sets none."""
        rows = await self.call(model, "search_read", domain, 0, None, order, fields, **context)
        if not isinstance(rows, list):
            raise self.unbelievable(f"{model}.search_read", safe=True)
        return rows

    async def create(self, model: str, record: Row) -> int:
        """One call."""
        (made,) = await self.call(model, "create", [record])
        return int(made)

    async def write(self, model: str, id_: int, record: Row) -> None:
        """One call."""
        await self.call(model, "write", [id_], record)

    async def press(self, model: str, button: str, id_: int) -> None:
        """One call."""
        await self.call(model, button, [id_])

    async def today(self) -> date:
        """One call."""
        return cast(date, await self.call("ir.date", "today"))

    def require_screens(self) -> None:
        """Nothing is lacking."""

    async def call(self, model: str, method: str, *arguments: object, **context: object) -> Any:
        """The result of one method of a model, with the user's own context and more."""
        return await self._call(f"model.{model}", method, *arguments, {**await self._preferences(), **context})

    async def wizard(self, name: str, model: str, ids: Sequence[int], forms: Mapping[str, tuple[Fill, str]]) -> None:
        """A call for each form, and two more."""
        about = {**await self._preferences(), "active_model": model, "active_id": ids[0], "active_ids": list(ids)}
        session, start, _ = await self._call(f"wizard.{name}", "create", about)
        step = await self._call(f"wizard.{name}", "execute", session, {}, start, about)
        left = dict(forms)
        while "view" in step:
            form = step["view"]["state"]
            fill, button = left.pop(form)
            answers = {form: fill(plain(step["view"]["defaults"]))}
            step = await self._call(f"wizard.{name}", "execute", session, answers, button, about)
        with suppress(TandemError, Refused):  # the work is done, whatever becomes of the session
            await self._call(f"wizard.{name}", "delete", session, about)

    async def _preferences(self) -> Row:
        if self._context is None:
            preferences = await self._call("model.res.user", "get_preferences", True, {})
            self._context = context_of(self.http.system, preferences, self._language)
        return self._context

    async def _call(self, target: str, method: str, *parameters: object) -> Any:
        name, model, safe = f"{target}.{method}", target.partition(".")[2], method in _READS
        content = json.dumps({"id": 0, "method": name, "params": encoded(parameters)}, ensure_ascii=False)
        response = await self.http.send("POST", self._path, headers=_JSON, content=content, safe=safe)
        if response.status_code != 200:
            raise self._status(response.status_code, model, method, safe=safe)
        answer = _read(response)
        if "error" in answer:
            raise self._error(answer["error"], model, method, parameters, safe=safe)
        if "result" not in answer:
            raise self.unbelievable(f"{model}.{method}", safe=safe)
        return answer["result"]

    def unbelievable(self, what: str, *, safe: bool) -> TandemError:
        """As the Api has it."""
        return failure.unbelievable(self.http.system, what, safe=safe)

    def _error(self, error: Any, model: str, method: str, parameters: Sequence[object], *, safe: bool) -> Exception:
        """An exception that is none of Tryton's own says nothing, but for those that name what is not there."""
        try:
            fault = fault_of(error)
        except ValueError:
            return self.unbelievable(f"{model}.{method}", safe=safe)
        if fault.kind == "LoginException":
            return self._login_expired()
        if fault.kind:
            return Refused(fault)
        absent = _absent(fault, model, parameters if safe else ())
        if absent:
            return failure.absent(self.http.system, absent)
        return self.unbelievable(f"{model}.{method}", safe=safe)

    def _status(self, status: int, model: str, method: str, *, safe: bool) -> TandemError:
        if status == 403:
            return failure.forbidden(self.http.system, f"{model}.{method}")
        if status == 404:
            return failure.no_database(self.http.system, self._database)
        return self.unbelievable(f"{model}.{method}", safe=safe)

    def _login_expired(self) -> LoginExpired:
        return LoginExpired(
            "{system} asks for the login again. Nothing was changed; it is done once.", system=self.http.system
        )


def _absent(fault: Fault, model: str, parameters: Sequence[object]) -> str | None:
    """The model, or the field asked for, that Tryton's answer says it does not have."""
    named = fault.message[1:-1] if fault.message[:1] == fault.message[-1:] == "'" else None
    fields = {name for part in parameters if isinstance(part, list | tuple) for name in part if isinstance(name, str)}
    return named if named == model or named in fields else None


def _read(response: httpx.Response) -> Mapping[str, Any]:
    """The answer's object; an empty one for anything else."""
    try:
        answer = parsed(response.content)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


async def _opened(system: str, path: str, auth: SessionAuth, post: Post) -> Session:
    """Log in as Tryton's own clients do. Raises LoginRefused, NotSent."""
    parameters = [auth.username, {"password": auth.password.get_secret_value()}, "en"]
    content = json.dumps({"id": 0, "method": "common.db.login", "params": parameters}, ensure_ascii=False)
    response = await post(path, _JSON, content)
    match _read(response):
        case {"result": [int(user), str(key), *_]}:
            register_secret(key)
            proof = base64.b64encode(f"{auth.username}:{user}:{key}".encode()).decode()
            register_secret(proof)
            return Session({"authorization": f"Session {proof}"})
    if response.status_code == 404:
        raise NotOffered(
            "{system} has no database at {path}. Nothing was sent. Correct settings.database in tandem.yaml.",
            system=system,
            path=path,
        )
    if response.status_code in (401, 403):
        raise LoginRefused(
            "{system} refuses the login of user {user}. Nothing was sent. Check the user name and the password in "
            "tandem.yaml.",
            system=system,
            user=auth.username,
        )
    raise Unavailable("{system} gave no usable answer to the login. It is asked again later.", system=system)
