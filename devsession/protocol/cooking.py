r"""Line ends: boards send ``\r\n`` for every ``\n`` that a program prints, other ports send what was printed."""

from __future__ import annotations


class Uncook:
    r"""Turns ``\r\n`` back into the ``\n`` that was printed, over any split; passes everything where nothing is cooked."""

    def __init__(self, *, cooked: bool) -> None:
        self._cooked = cooked
        self._held = b""

    def feed(self, data: bytes) -> bytes:
        r"""Return the next bytes as the program wrote them; a ``\r`` at the end waits for what follows."""
        if not self._cooked:
            return data
        data = self._held + data
        self._held = b"\r" if data.endswith(b"\r") else b""
        return data[: len(data) - len(self._held)].replace(b"\r\n", b"\n")

    def flush(self) -> bytes:
        """Return what is held back: nothing follows it."""
        held, self._held = self._held, b""
        return held
