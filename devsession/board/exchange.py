"""Bytes to and from a program while it runs: as many on their way as it granted, and no longer without a sign of life than is allowed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from devsession.board.wire import Wire
from devsession.errors import LinkError, LocalProtocolError
from devsession.protocol.events import Finished

# Handed to the link at once: what comes in smaller pieces is gathered.
GATHERED = 16384


class SourceError(Exception):
    """What was to be sent could not be had; ``cause`` says why."""

    def __init__(self, cause: BaseException) -> None:
        super().__init__(str(cause))
        self.cause = cause


class Exchange:
    """What a program gets on its standard input, and where the records of data go that it sends.

    What ``chunks`` gives is sent as far as the program grants: with each record of its own ``grant`` bytes more, twice that with the first.
    It is called anew should the program have to be. Without it the program's data records go to ``take``. ``patience`` is how many
    seconds may pass without anything moving.
    """

    def __init__(
        self,
        *,
        patience: float,
        chunks: Callable[[], AsyncIterator[bytes]] | None = None,
        grant: int = 0,
        take: Callable[[bytes], None] | None = None,
    ) -> None:
        self._patience = patience
        self._chunks = chunks
        self._grant = grant
        self._take = take
        self._room = 0
        self._is_begun = False
        self._more = asyncio.Event()
        self._moved = time.monotonic()
        self._is_whole = chunks is None

    @property
    def sends(self) -> bool:
        """Whether there is something to send."""
        return self._chunks is not None

    @property
    def is_whole(self) -> bool:
        """Whether all of it was sent: else what is under way may be read by the prompt."""
        return self._is_whole

    def told(self, payload: bytes) -> None:
        """Take a data record of the program."""
        self._moved = time.monotonic()
        if self._take is not None:
            self._take(payload)
            return
        self._room += self._grant if self._is_begun else 2 * self._grant
        self._is_begun = True
        self._more.set()

    async def finish(self, wait: Coroutine[Any, Any, Finished], wire: Wire) -> Finished:
        """Send and take until ``wait`` has seen the program's end.

        Raises TimeoutError, what ends the wire, SourceError when ``chunks`` fails.
        """
        ended = asyncio.ensure_future(wait)
        self._room, self._is_begun, self._is_whole = 0, False, self._chunks is None
        sending = asyncio.ensure_future(self._send(wire))
        self._moved = time.monotonic()
        try:
            while not ended.done():
                left = self._moved + self._patience - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                pending = {ended} if sending.done() else {ended, sending}
                await asyncio.wait(pending, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                if sending.done() and (failure := sending.exception()):
                    raise SourceError(failure)
            return ended.result()
        finally:
            ended.cancel()
            sending.cancel()
            await asyncio.wait({ended, sending})

    async def _send(self, wire: Wire) -> None:
        if self._chunks is None:
            return
        held = bytearray()
        try:
            async for chunk in self._chunks():
                held += chunk
                while len(held) >= GATHERED:
                    await self._feed(bytes(held[:GATHERED]), wire)
                    del held[:GATHERED]
            await self._feed(bytes(held), wire)
            self._is_whole = True
        except (LinkError, LocalProtocolError):
            # The link is gone, or the program has ended: whoever waits for its end hears that from there.
            return

    async def _feed(self, data: bytes, wire: Wire) -> None:
        while data:
            if not self._room:
                self._more.clear()
                await self._more.wait()
                continue
            piece, data = data[: self._room], data[self._room :]
            wire.feed(piece)
            self._room -= len(piece)
            await wire.transport.drain()
            self._moved = time.monotonic()
