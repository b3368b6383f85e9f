"""The answer to one call, read to its end but not beyond all measure."""

import httpx

LARGEST_BYTES = 64 * 1024 * 1024
"""The largest body taken in, unpacked: far above any page of orders, far below a worker's memory."""

_REPACKED = ("content-encoding", "content-length", "transfer-encoding")


class AnswerTooLarge(Exception):
    """The body is larger than ``LARGEST_BYTES``."""


async def read_whole(response: httpx.Response, *, largest_bytes: int = LARGEST_BYTES) -> httpx.Response:
    """The streamed response with its body in memory. Raises AnswerTooLarge, or what httpx raises while reading."""
    length = response.headers.get("content-length", "")
    if "content-encoding" not in response.headers and length.isdecimal():
        if int(length) > largest_bytes:
            raise AnswerTooLarge
        await response.aread()
        return response
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > largest_bytes:
            raise AnswerTooLarge
        parts.append(part)
    headers = [(name, value) for name, value in response.headers.multi_items() if name.lower() not in _REPACKED]
    return httpx.Response(
        response.status_code,
        headers=headers,
        content=b"".join(parts),
        request=response.request,
        extensions=response.extensions,
    )
