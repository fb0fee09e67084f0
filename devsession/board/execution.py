"""What came of one program: output, value, error, exit code, duration."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from devsession.board.output import OUTPUT_KEPT
from devsession.errors import DeviceError, UnrepresentableValueError


class OutputTail:
    """The last bytes of a stream: ``limit`` of them are kept, ``dropped`` counts the others."""

    def __init__(self, limit: int = OUTPUT_KEPT) -> None:
        self._chunks: deque[bytes] = deque()
        self._limit = limit
        self._size = 0
        self.dropped = 0

    def __bytes__(self) -> bytes:
        return b"".join(self._chunks)

    def __len__(self) -> int:
        return self._size

    def take(self) -> bytes:
        """Remove and return everything that is kept."""
        data = bytes(self)
        self._chunks.clear()
        self._size = 0
        return data

    def append(self, data: bytes) -> None:
        """Add bytes at the end; the oldest are dropped over the limit."""
        self._chunks.append(data)
        self._size += len(data)
        while self._size > self._limit:
            surplus = self._size - self._limit
            oldest = self._chunks.popleft()
            if len(oldest) > surplus:
                self._chunks.appendleft(oldest[surplus:])
            lost = min(surplus, len(oldest))
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
