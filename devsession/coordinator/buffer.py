"""What one session printed: bounded, the loss counted and shown, to be replayed, searched and saved."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devsession.board.execution import OutputTail
from devsession.board.output import OUTPUT_KEPT
from devsession.errors import UsageError
from devsession.transport.waiters import Waiters

# A line longer than this many bytes is searched in pieces.
LONGEST_LINE = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A line that a search found; ``position`` counts from the first byte that the session ever printed."""

    position: int
    line: str


class OutputBuffer(OutputTail):
    """The last output of a session: ``limit`` bytes (default 10 MiB) are kept, ``dropped`` counts those before, ``end`` all that came.

    ``bytes(buffer)`` and ``text`` are what is kept, ``replay`` shows the loss too.
    """

    def __init__(self, limit: int = OUTPUT_KEPT, told: Callable[[bytes], None] | None = None) -> None:
        super().__init__(limit, told)
        self._waiting = Waiters()

    def __repr__(self) -> str:
        return f"<OutputBuffer {len(self)} bytes, {self.dropped} dropped>"

    def append(self, data: bytes) -> None:
        """Add bytes at the end; the oldest are dropped over the limit."""
        super().append(data)
        self._waiting.wake()

    def begin(self, tail: bytes, printed: int) -> None:
        """Begin with the last bytes of what was printed earlier, in all ``printed`` bytes."""
        super().append(tail)
        self.end = printed
        self.dropped = printed - len(tail)

    async def changed(self) -> None:
        """Wait until something comes."""
        await self._waiting.wait()

    @property
    def text(self) -> str:
        """What is kept, as text; bytes that are no UTF-8 appear as escapes."""
        return _text(bytes(self))

    @property
    def loss(self) -> str:
        """What to show before what is kept: a line that tells how much was dropped, empty where nothing was."""
        return f"[{self.dropped:,} bytes before this were dropped]\n" if self.dropped else ""

    def replay(self, size: int | None = None) -> str:
        """Return the last ``size`` bytes (default: all that is kept) as text, behind a line that tells how much is missing before them."""
        if size is None:
            return self.loss + self.text
        begin, data = self.since(self.end - max(0, size))
        return (f"[{begin:,} bytes before this]\n" if begin else "") + _text(data)

    def tail(self, lines: int = 20) -> str:
        """Return the last lines as text; what stands behind the last line end counts as a line."""
        if lines < 1:
            return ""
        size = 4096
        while True:
            _, data = self.since(self.end - size)
            if size >= len(self) or data.rstrip(b"\n").count(b"\n") >= lines:
                return _text(
                    b"\n".join(data.removesuffix(b"\n").split(b"\n")[-lines:]) + b"\n" * data.endswith(b"\n")
                )
            size *= 4

    def search(self, pattern: str, most: int = 100) -> list[Found]:
        """Return the last lines, ``most`` of them, in which a regular expression matches; raises UsageError for what is none."""
        try:
            wanted = re.compile(pattern.encode(), re.MULTILINE)
        except re.error as error:
            raise UsageError(f"{pattern!r} is no regular expression: {error}", phase="search") from error
        found: list[Found] = []
        for position, lines in self._lines():
            for match in wanted.finditer(lines):
                begin = lines.rfind(b"\n", 0, match.start()) + 1
                if not found or found[-1].position < position + begin:
                    end = lines.find(b"\n", match.start())
                    line = lines[begin:] if end < 0 else lines[begin:end]
                    found.append(Found(position + begin, _text(line)))
            del found[:-most]
        return found

    def save(self, path: str | Path) -> int:
        """Write what is kept to a file of this host, as it was printed, and return how many bytes that were; raises UsageError."""
        try:
            with Path(path).open("wb") as file:
                return sum(file.write(piece) for piece in self.pieces())
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror}", phase="save") from error

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Yield whole lines, many at a time, each time with where they begin."""
        position, rest = self.dropped, b""
        for piece in self.pieces():
            lines = rest + piece
            cut = lines.rfind(b"\n") + 1 or (len(lines) if len(lines) > LONGEST_LINE else 0)
            if cut:
                yield position, lines[:cut]
            position, rest = position + cut, lines[cut:]
        if rest:
            yield position, rest


def _text(data: bytes) -> str:
    return data.decode("utf-8", "backslashreplace")
