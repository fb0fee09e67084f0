"""Title sequences (OSC 0) that CircuitPython puts between lines, taken out of a stream."""

from __future__ import annotations

import re

_TITLE = rb"\x1b\]0;[^\x1b\x07]{0,512}(?:\x1b\\|\x07)"
_PARTIAL = rb"\x1b(?:\](?:0(?:;[^\x1b\x07]{0,512}\x1b?)?)?)?\Z"


class TitleFilter:
    """Removes whole title sequences, also when they come split over several reads."""

    def __init__(self) -> None:
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        """Return ``data`` without titles; the beginning of a possible one is held back until it is decided."""
        data = self._held + data
        if b"\x1b" not in data:
            return data
        data = re.sub(_TITLE, b"", data)
        partial = re.search(_PARTIAL, data)
        if partial is None:
            self._held = b""
            return data
        self._held = data[partial.start() :]
        return data[: partial.start()]

    def flush(self) -> bytes:
        """Return what is held back: no more of it will come."""
        held, self._held = self._held, b""
        return held
