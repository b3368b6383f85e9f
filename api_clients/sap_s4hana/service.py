"""One OData service of SAP Gateway: reads, writes, function imports and changesets over the HTTP port."""

import json
import re
from collections.abc import Sequence
from typing import Any

from api_clients.sap_s4hana import batch
from api_clients.sap_s4hana.answer import Answer, Reader
from api_clients.sap_s4hana.batch import Change, MalformedBatch
from api_clients.sap_s4hana.coalescer import ReadCoalescer
from api_clients.sap_s4hana.csrf import CsrfSession, token_refused
from api_clients.sap_s4hana.entity import Entity, expanded
from tandem.errors import LoginExpired
from tandem.http.port import HttpPort

_VERSION_2 = "sap/opu/odata/sap"
_JSON = {"accept": "application/json"}
_HAS_MORE = re.compile(rb'"__next"|@odata\.nextLink"')
_MULTIPART = {"accept": "multipart/mixed"}


class Service:
    """Resources are relative to the service root, as ``literals`` builds them; ``under``: the path before its name.

    A V4 service is read and written alike; its answers are handed out in the shape of V2, with the values of V4.

    Reads raise Refused, NotSent or AccessRefused; writes UnknownOutcome as well, when nobody can know.
    Reads that are asked in the same moment travel as one ``$batch``.
    """

    def __init__(self, http: HttpPort, name: str, headers: dict[str, str], *, under: str = _VERSION_2) -> None:
        self._http = http
        self._root = f"{under}/{name}"
        self._headers = headers
        self._csrf = CsrfSession(http, self._root, headers)
        self._reads = ReadCoalescer(self._fetch)
        self._reader = Reader(http.system, name)

    async def read(self, resource: str) -> Any:
        """What stands under ``d`` of one GET: an entity, a complex result, or ``{"results": [...]}``."""
        answer = self._reader.accepted(await self._reads.read(resource), safe=True)
        payload = self._reader.payload(answer, safe=True)
        return await self._completed(payload) if _HAS_MORE.search(answer.content) else payload

    async def entities(self, resource: str) -> list[Entity]:
        """The whole collection, however many pages the server makes of it."""
        payload = await self.read(resource)
        return expanded(payload)

    async def function(self, call: str) -> Any:
        """The result of a GET function import, freed of the wrapper that carries the function's name."""
        payload = await self.read(call)
        return _unwrapped(payload, call.partition("?")[0])

    async def invoke(self, call: str, *, etag: str | None = None) -> Any:
        """The result of a POST function import; its parameters stand in the address."""
        answer = await self._write("POST", call, None, etag)
        return _unwrapped(self._reader.payload(answer, safe=False), call.partition("?")[0])

    async def create(self, entity_set: str, body: Entity) -> Entity:
        """The entity as created; nested navigation properties in ``body`` are created with it (deep insert)."""
        answer = await self._write("POST", entity_set, body, None)
        created = self._reader.payload(answer, safe=False)
        if not isinstance(created, dict):
            raise self._reader.unbelievable(safe=False, why="the created entity is missing")
        return created

    async def patch(self, resource: str, body: Entity, *, etag: str) -> None:
        """Change the given properties only. Raises Refused with status 412 when the etag is stale."""
        await self._write("PATCH", resource, body, etag)

    async def delete(self, resource: str, *, etag: str) -> None:
        await self._write("DELETE", resource, None, etag)

    async def change_all(self, changes: Sequence[Change]) -> None:
        """One changeset: all of it or nothing."""
        content_type, body = batch.encode_changeset(changes, _JSON)
        answer = await self._send_batch(content_type, body, safe=False)
        for part in self._parts(answer, expected=1, safe=False):
            for each in part if isinstance(part, list) else [part]:
                self._reader.accepted(each, safe=False)

    async def _fetch(self, resources: Sequence[str]) -> list[Answer]:
        """The answer of each. Gateway goes on after a read that failed; other servers stop there, and are asked on."""
        if len(resources) == 1:
            return [await self._fetch_one(resources[0])]
        content_type, body = batch.encode_reads(resources, _JSON)
        answer = await self._send_batch(content_type, body, safe=True)
        parts = self._parts(answer, expected=len(resources), safe=True)
        answers = [part if isinstance(part, Answer) else part[0] for part in parts]
        left = resources[len(answers) :]
        return answers + await self._fetch(left) if left else answers

    async def _fetch_one(self, resource: str) -> Answer:
        session = self._csrf.current
        headers = self._headers | _JSON | (session.cookie_header() if session else {})
        response = await self._http.send("GET", f"{self._root}/{resource}", headers=headers)
        return Answer(response.status_code, response.headers, response.content)

    async def _send_batch(self, content_type: str, body: bytes, *, safe: bool) -> Answer:
        headers = _MULTIPART | {"content-type": content_type}
        return await self._send("POST", "$batch", body, headers, safe=safe)

    def _parts(self, answer: Answer, *, expected: int, safe: bool) -> list[Answer | list[Answer]]:
        try:
            parts = batch.decode(answer.headers.get("content-type", ""), answer.content)
            if len(parts) != expected and not batch.stopped(parts, expected):
                raise MalformedBatch(f"{len(parts)} parts instead of {expected}")
        except MalformedBatch as malformed:
            raise self._reader.unbelievable(safe=safe, why=str(malformed)) from malformed
        return parts

    async def _write(self, method: str, resource: str, body: Entity | None, etag: str | None) -> Answer:
        headers = _JSON | ({"if-match": etag} if etag else {})
        content = b""
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body, ensure_ascii=False).encode()
        return await self._send(method, resource, content, headers, safe=False)

    async def _send(self, method: str, resource: str, content: bytes, headers: dict[str, str], *, safe: bool) -> Answer:
        """Send with the CSRF token; a refused token means not processed, so once more with a fresh one."""
        session = await self._csrf.opened()
        for _ in range(2):
            response = await self._http.send(
                method,
                f"{self._root}/{resource}",
                headers=self._headers | headers | session.headers(),
                content=content,
                safe=safe,
            )
            if not token_refused(response.status_code, response.headers, response.content):
                answer = Answer(response.status_code, response.headers, response.content)
                return self._reader.accepted(answer, safe=safe)
            session = await self._csrf.renewed(session)
        raise LoginExpired(
            "{system} refuses its own fresh CSRF token. Nothing was changed. Log in again; if it stays so, see whether "
            "a proxy removes cookies.",
            system=self._http.system,
        )

    async def _completed(self, payload: Any) -> Any:
        """The payload with every page that a ``__next`` in it points to, expanded collections included."""
        if isinstance(payload, list):
            return [await self._completed(item) for item in payload]
        if not isinstance(payload, dict):
            return payload
        following = payload.get("__next")
        completed = {name: await self._completed(value) for name, value in payload.items() if name != "__next"}
        if following is not None:
            page = await self.read(self._relative(following))
            completed["results"] = completed["results"] + expanded(page)
        return completed

    def _relative(self, address: str) -> str:
        """The address below the service root, verbatim: the host a server names behind a proxy is often its own."""
        _, found, rest = address.partition(f"{self._root}/")
        return rest if found else address


def _unwrapped(payload: Any, name: str) -> Any:
    return payload[name] if isinstance(payload, dict) and name in payload else payload
