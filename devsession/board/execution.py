"""What came of one program: output, value, error, exit code, duration."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from devsession.board.output import OUTPUT_KEPT
from devsession.errors import DeviceError, UnrepresentableValueError

# Small pieces are kept together in blocks of this many bytes: each object of its own would take some 40 more.
BLOCK = 65536


class OutputTail:
    """The last bytes of a stream: ``limit`` of them are kept, ``dropped`` counts the others, ``end`` all that ever came.

    Adding and dropping costs the same however much is kept, and however small the pieces are. ``told`` is called with what was added.
    """

    def __init__(self, limit: int = OUTPUT_KEPT, told: Callable[[bytes], None] | None = None) -> None:
        # The last one grows until it is full; of the first one `_gone` bytes are no longer kept.
        self._blocks: deque[bytes | bytearray] = deque()
        self._gone = 0
        self._size = 0
        self.limit = limit
        self.told = told
        self.dropped = 0
        self.end = 0

    def __bytes__(self) -> bytes:
        return b"".join(self.pieces())

    def __len__(self) -> int:
        return self._size

    def pieces(self) -> Iterator[bytes]:
        """Yield what is kept, in pieces of no particular length."""
        gone = self._gone
        for block in tuple(self._blocks):
            yield bytes(memoryview(block)[gone:])
            gone = 0

    def since(self, position: int) -> tuple[int, bytes]:
        """Return what came after the first ``position`` bytes and is still kept, and where that begins."""
        wanted = min(self.end - position, self._size)
        found: list[bytes] = []
        for block in reversed(self._blocks):
            if wanted <= 0:
                break
            found.append(bytes(memoryview(block)[-wanted:]))
            wanted -= len(block)
        data = b"".join(reversed(found))
        return self.end - len(data), data

    def take(self) -> bytes:
        """Remove and return everything that is kept."""
        data = bytes(self)
        self._blocks.clear()
        self._gone = self._size = 0
        return data

    def append(self, data: bytes) -> None:
        """Add bytes at the end; the oldest are dropped over the limit."""
        last = self._blocks[-1] if self._blocks else b""
        if isinstance(last, bytearray) and len(last) + len(data) <= BLOCK:
            last += data
        else:
            if isinstance(last, bytearray):
                # A bytearray that has grown holds more memory than it shows.
                self._blocks[-1] = bytes(last)
            self._blocks.append(bytearray(data) if len(data) < BLOCK else data)
        self._size += len(data)
        self.end += len(data)
        if self._size > self.limit:
            self.trim(self.limit)
        if self.told is not None:
            self.told(data)

    def trim(self, size: int) -> None:
        """Drop the oldest bytes until ``size`` are left."""
        while self._size > size:
            there = len(self._blocks[0]) - self._gone
            lost = min(self._size - size, there)
            if lost == there:
                self._blocks.popleft()
                self._gone = 0
            else:
                self._gone += lost
            self._size -= lost
            self.dropped += lost


@dataclass(frozen=True, slots=True)
class Opaque:
    """A value that stayed on the board: it has no faithful form here."""

    type_name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """What came of one program.

    ``output`` is what it printed, as text with the line ends it wrote; ``output_bytes`` the same as bytes, the last 10 MiB of them,
    ``dropped`` how many were before those. ``error`` is the exception that ended it, or ``None``. ``exit_code`` is what
    ``sys.exit`` gave (0 without one, 1 after an exception or for a text, which is then ``exit_message``). ``duration`` is in seconds.
    """

    output_bytes: bytes
    dropped: int
    error: DeviceError | None
    exit_code: int
    exit_message: str | None
    duration: float
    result: Any = field(repr=False, default=None)

    @property
    def output(self) -> str:
        """What was printed, as text; bytes that are no UTF-8 appear as escapes."""
        return self.output_bytes.decode("utf-8", "backslashreplace")

    @property
    def value(self) -> Any:
        """The value of a single expression, ``None`` for anything else.

        Raises UnrepresentableValueError when it has no faithful form on this side.
        """
        return brought(self.result)


def brought(result: Any) -> Any:
    """Return a value that came from a board; raises UnrepresentableValueError for one that stayed there."""
    if isinstance(result, Opaque):
        raise UnrepresentableValueError(
            f"a value of {result.type_name} cannot be brought to the host",
            type_name=result.type_name,
            text=result.text,
        )
    return result
