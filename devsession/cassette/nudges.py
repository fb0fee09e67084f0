r"""Nudges: the control characters that a host repeats until it is answered, which makes their number a matter of time, not of meaning.

An interrupt is Ctrl-C, sent again with growing gaps; the raw REPL is asked for with ``\r`` Ctrl-A, again and again, with Ctrl-C between.
Of a run of them the first counts. Whether a link was slow when it was recorded, or is fast now, then makes no difference.
"""

from __future__ import annotations

import re

_INTERRUPT = b"\x03"
_ASK = b"\r\x01"
# The question whether a silent program is at its end (Ctrl-A alone); it comes after a silence, so it may come too often or too late.
QUESTION = b"\x01"
_TOKEN = re.compile(rb"\x03|\r\x01|\x05A\x01|\x01|[^\x01\x03\r\x05]+|[\r\x05]")


class Nudges:
    """Follows what a host writes, and leaves out repeated nudges."""

    def __init__(self) -> None:
        self._interrupted = False
        self._asked = False

    def clear(self) -> None:
        """Know that something else happened: what comes now is no repetition."""
        self._interrupted = self._asked = False

    def once(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the parts of one write that count, each with its place in it."""
        return [(match.start(), match[0]) for match in _TOKEN.finditer(data) if self._counts(match[0])]

    def _counts(self, token: bytes) -> bool:
        if token == _INTERRUPT:
            counts = not self._interrupted
            self._interrupted = True
            return counts
        if token == _ASK:
            counts = not self._asked
            self._asked = self._interrupted = True
            return counts
        if token != QUESTION:
            self.clear()
        return True
