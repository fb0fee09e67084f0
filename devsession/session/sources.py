"""Where the bytes come from that a file is to hold."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from typing import Any

from devsession.errors import UsageError

# What a file is to hold: at once, or as it comes.
Source = bytes | Iterable[bytes] | AsyncIterable[bytes]


async def pieces(source: Source, size: int) -> AsyncGenerator[bytes]:
    """Give what ``source`` does in pieces of ``size`` bytes, the last one shorter; raises UsageError for what are no bytes."""
    if isinstance(source, bytes):
        for at in range(0, len(source), size):
            yield source[at : at + size]
        return
    rest = bytearray()
    async for part in _parts(source):
        rest += checked_content(part)
        while len(rest) >= size:
            yield bytes(rest[:size])
            del rest[:size]
    if rest:
        yield bytes(rest)


async def _parts(source: Iterable[bytes] | AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    if isinstance(source, AsyncIterable):
        async for part in source:
            yield part
        return
    for part in source:
        yield part


def checked_content(data: Any) -> bytes:
    """Return what a file is to hold as bytes; raises UsageError for what are none."""
    if isinstance(data, str):
        raise UsageError("files hold bytes, not text", phase="files", hint="write text.encode()")
    try:
        return bytes(memoryview(data))
    except TypeError:
        raise UsageError(f"files hold bytes, not {type(data).__name__}", phase="files") from None
