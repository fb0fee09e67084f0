r"""Noticing that a command is over although its end record never came, and asking before believing it.

A second Ctrl-C can hit our own code before it speaks, memory can be gone, a watchdog can reset the chip. Then the stream ends as a
prompt ends, and stays silent. A program may print just that and wait; so silence is followed by one question, Ctrl-A: the raw prompt and
the friendly one answer it with the banner, a running program does not see it unless it reads its input.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from devsession.protocol.entry import BANNER_TAIL, GREETING

# How long the stream must be silent after what looks like a prompt: long for a program nobody disturbed, short after our Ctrl-C.
SILENCE = 0.5
SILENCE_INTERRUPTED = 0.05
_TAIL_KEPT = 2048
_QUESTION = b"\x01"
_LOOKS_OVER = rb"\x04([^\x04]*)\x04>\Z"
# A program may well ask with `>>> `: only the whole friendly banner counts, unless it was interrupted.
_FRIENDLY = GREETING + rb"(?:Type [^\n]*\r\n)?>>> \Z"
# CircuitPython after code.py, waiting for any key, in whatever language: it has started anew, and cleared a line then.
_CLEARED = b"\x1b[2K\x1b[0G"
_WAITING = rb"\r\n\r\n[^\r\n]+\r\n\Z"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is true if the prompt answers: ``error`` is the traceback before it, ``reset`` whether there is a new interpreter."""

    error: bytes
    reset: bool


class Suspicion:
    """Watches the end of the stream of a command under way."""

    def __init__(self) -> None:
        self._tail = bytearray()
        self.clear()

    def clear(self) -> None:
        """Forget everything: a new command begins."""
        self._tail.clear()
        self.interrupted = False
        self.asked = False
        self._refuted = False
        self.wake: float | None = None
        self.verdict = Verdict(b"", reset=False)

    @property
    def tail(self) -> bytes:
        """The last bytes received."""
        return bytes(self._tail)

    def receive(self, data: bytes, now: float) -> None:
        """Take what came, before it is understood."""
        self._tail += data[-_TAIL_KEPT:]
        del self._tail[: max(0, len(self._tail) - _TAIL_KEPT)]
        self._watch(now)

    def interrupt(self, now: float) -> None:
        """Know that the command is being interrupted: a prompt is what to expect."""
        self.interrupted = True
        self.asked = self._refuted = False
        self._watch(now)

    def refute(self, now: float) -> None:
        """Know that something else came than the answer: the program goes on, and is not asked again unless it is interrupted."""
        self.asked = False
        self._refuted = True
        self._watch(now)

    def _watch(self, now: float) -> None:
        ends = self._tail.endswith((b"\x04>", BANNER_TAIL, b">>> ")) or (
            _CLEARED in self._tail and bool(re.search(_WAITING, self._tail))
        )
        # A whole greeting is asked about again: the interpreter may have died of the last question.
        looks = ends and not self.asked and (not self._refuted or bool(re.search(_FRIENDLY, self._tail)))
        self.wake = now + (SILENCE_INTERRUPTED if self.interrupted else SILENCE) if looks else None

    def tick(self, now: float) -> bytes:
        """Return the question when it is time for it."""
        if self.wake is None or now < self.wake:
            return b""
        self.wake = None
        over = re.search(_LOOKS_OVER, self._tail)
        prompt = self._tail.endswith(b">>> ")
        if prompt and not self.interrupted and not re.search(_FRIENDLY, self._tail):
            return b""
        self.asked = True
        self.verdict = Verdict(over[1] if over else b"", reset=over is None)
        return _QUESTION
