"""A console on any link, for tests: what to write and what to wait for."""

import asyncio
import contextlib
from pathlib import Path

from devsession.errors import LinkError
from devsession.transport.base import Transport

RAW = b"raw REPL; CTRL-B to exit\r\n>"
HELP = b'Type "help()" for more information.\r\n'
PROMPT = b">>> "


class Console:
    """Collects what comes out of a link; ``until`` takes from it."""

    def __init__(self, link: Transport) -> None:
        self.link = link
        self.seen = bytearray()
        self.lost: list[LinkError | None] = []
        self._news = asyncio.Event()

    def data_received(self, data: bytes) -> None:
        self.seen += data
        self._news.set()

    def connection_lost(self, error: LinkError | None) -> None:
        self.lost.append(error)
        self._news.set()

    async def until(self, ending: bytes, timeout: float = 10) -> bytes:
        """Wait for ``ending`` and return everything up to and with it."""
        searched = 0
        try:
            async with asyncio.timeout(timeout):
                while (found := self.seen.find(ending, searched)) < 0:
                    searched = max(0, len(self.seen) - len(ending))
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            raise AssertionError(f"{ending!r} did not come, but {bytes(self.seen[-300:])!r}") from None
        taken = bytes(self.seen[: found + len(ending)])
        del self.seen[: len(taken)]
        return taken

    async def until_lost(self, timeout: float = 10) -> LinkError | None:
        async with asyncio.timeout(timeout):
            while not self.lost:
                self._news.clear()
                await self._news.wait()
        return self.lost[0]

    async def say(self, data: bytes, ending: bytes) -> bytes:
        self.link.write(data)
        return await self.until(ending)

    async def enter_raw(self) -> None:
        await self.say(b"\r\x03\r\x01", RAW)

    async def run(self, code: str, timeout: float = 10) -> tuple[str, str]:
        """Run code in raw mode; return its output and its traceback."""
        self.link.write(code.encode() + b"\x04")
        assert (await self.until(b"OK", timeout)) == b"OK"
        output = await self.until(b"\x04", timeout)
        error = await self.until(b"\x04>", timeout)
        return output[:-1].decode(), error[:-2].decode()

    async def value(self, expression: str) -> str:
        output, error = await self.run(f"print(repr({expression}))")
        assert not error, error
        return output.rstrip("\n")


def children() -> list[int]:
    """Return the processes that this one started and that are not reaped."""
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        # A thread may end while we look: its children are then listed with another.
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += map(int, path.read_text().split())
    return found
