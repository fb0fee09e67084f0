r"""Raw-paste: how much may be sent when.

The board names its window as ``R \x01 low high``; one window is open from the start, and each ``\x01`` that follows opens one more
(the first comes at once, so twice the window may be in flight).
"""

from __future__ import annotations

REQUEST = b"\x05A\x01"
ACCEPTED = b"R\x01"
REFUSED = b"R\x00"
GRANT = b"\x01"
END = b"\x04"
HEADER_SIZE = 4


def window_of(header: bytes) -> int:
    """Return the window, in bytes, that a whole header names."""
    return int.from_bytes(header[2:HEADER_SIZE], "little")


class Paste:
    """The sending side of one paste: ``code`` in pieces that fit what the board granted."""

    def __init__(self, code: bytes, window: int) -> None:
        self._code = code
        self._window = window
        self._credit = window
        self._sent = 0

    @property
    def untouched(self) -> bool:
        """Whether nothing was sent yet."""
        return self._sent == 0

    def grant(self, windows: int) -> None:
        """Add windows: the board consumed as much."""
        self._credit += windows * self._window

    def next(self) -> tuple[bytes, bool]:
        """Return what may be sent now, and whether that is all: then the end is to follow."""
        piece = self._code[self._sent : self._sent + self._credit]
        self._sent += len(piece)
        self._credit -= len(piece)
        return piece, self._sent == len(self._code)
