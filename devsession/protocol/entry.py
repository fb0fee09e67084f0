r"""Entering the raw REPL, whatever the board is doing, and naming what it was when that fails.

The first try is one write, ``\r\x03\r\x01``: one turn on a board at a prompt. Boards that drop what follows a Ctrl-C in the same
packet, that are still booting, or whose program takes its time to stop, get Ctrl-C alone, silence, then ``\r\x01``, with growing
gaps, until the banner comes or the time is over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

# The banner is never translated; its head may be lost (scientifichackers/ampy#43), its tail decides.
BANNER = b"raw REPL; CTRL-B to exit\r\n>"
BANNER_TAIL = b"L; CTRL-B to exit\r\n>"
# What an interpreter says when it starts anew: version; machine.
GREETING = rb"(?:MicroPython |CircuitPython )[^\n]*;[^\n]*\r\n"

_SEEN_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Approach:
    """How to ask for the raw REPL: what to write first, and how long to wait for what, in seconds.

    ``first_wait`` for the answer to that; ``quiet`` is the silence after Ctrl-C that says that the traceback is out and what was running
    has stopped; ``drain_limit`` how long a program that never stops printing is waited for all the same; ``first_gap`` for the banner after
    asking again, doubled at each try up to ``last_gap``.
    """

    first: bytes
    first_wait: float
    quiet: float
    drain_limit: float
    first_gap: float
    last_gap: float


# A board at a prompt answers the first try within milliseconds, over USB hubs and slow UARTs within tens of them; slow boards need up to
# 2 s after an open that reset them. USB frames are 1 ms, UART bytes less.
PATIENT = Approach(b"\r\x03\r\x01", first_wait=0.3, quiet=0.05, drain_limit=0.5, first_gap=0.2, last_gap=2.0)
# By way of a soft reset: Ctrl-B leaves a raw REPL, Ctrl-D at the friendly prompt resets.
REBOOT = Approach(b"\r\x03\x02\x04", first_wait=0.5, quiet=0.05, drain_limit=0.5, first_gap=0.2, last_gap=2.0)
# After a reset: Ctrl-C has to fall into the short time after start-up and before main.py switches it off.
EAGER = Approach(b"\x03", first_wait=0.05, quiet=0.02, drain_limit=0.1, first_gap=0.05, last_gap=0.1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a board that did not enter the raw REPL seems to be doing: a name, a sentence, and what to try."""

    name: str
    message: str
    hint: str


_VERDICTS: tuple[tuple[bytes, Verdict], ...] = (
    (
        rb"waiting for download|DOWNLOAD\(|DOWNLOAD_BOOT",
        Verdict("bootloader", "the chip waits in its boot loader", "release BOOT/GPIO0 and reset the board"),
    ),
    (
        rb"Press any key to enter the REPL|code\.py output:",
        Verdict(
            "circuitpython-waiting",
            "CircuitPython is running code.py or waiting, and did not open its REPL",
            "press Ctrl-C in a terminal, or stop auto-reload from the host's writes to the drive",
        ),
    ),
    (
        rb"ets [A-Z][a-z]{2} |rst:0x[0-9a-f]+|ESP-ROM:|boot: ESP-IDF",
        Verdict(
            "boot-noise",
            "the board keeps printing its boot log",
            "it may be resetting in a loop: look at power, main.py, watchdog",
        ),
    ),
    (
        rb"=== (?:[^\n]*)?\Z",
        Verdict(
            "paste-mode",
            "the board is in paste mode and did not leave it",
            "press Ctrl-C in a terminal, then try again",
        ),
    ),
    (
        rb"\.\.\. [^\n]*\Z",
        Verdict(
            "half-typed",
            "the board's prompt holds a half-typed block",
            "press Ctrl-C in a terminal, then try again",
        ),
    ),
    (
        rb"\x18",
        Verdict(
            "mount", "the board is serving an mpremote mount", "end the mpremote session, or reset the board"
        ),
    ),
    (
        rb"Adafruit CircuitPython|MicroPython v?\d|>>> \Z",
        Verdict(
            "friendly-only",
            "a Python prompt answers, but it does not take Ctrl-A",
            "is it MicroPython? something on the way may swallow control characters (a terminal server, a shell)",
        ),
    ),
    (
        rb"login: ?\Z|[Pp]assword: ?\Z|[\$#] \Z|\bERROR\r\n|\^C",
        Verdict("not-micropython", "something answers that is not MicroPython", "is this the right port?"),
    ),
)
_SILENT = Verdict(
    "silent",
    "nothing answered",
    "is it the right port, is the board powered, and does its firmware have a REPL here?",
)
_GARBLED = Verdict(
    "wrong-baud", "unreadable bytes came back", "the baud rate is probably wrong: most boards use 115200"
)
_BUSY = Verdict(
    "busy", "a program is running that Ctrl-C does not stop", "reset the board, or power it off and on"
)
_ECHO = Verdict(
    "echo",
    "what is sent comes back, and nothing else",
    "is this a loop back, or a line whose ends are joined? no board answers there",
)
# The control characters that ask for the raw REPL, with those that interrupt among them: a board never sends these.
_OWN_WORDS = re.compile(rb"[\r\x01-\x04]*[\x01-\x03][\r\x01-\x04]*")
_GARBLED_SHARE = 0.3


def classify(seen: bytes) -> Verdict:
    """Return what a board is probably doing from the last bytes that it sent."""
    if not seen:
        return _SILENT
    if _OWN_WORDS.fullmatch(seen):
        return _ECHO
    odd = sum(byte >= 0x80 or not byte for byte in seen)
    if odd > _GARBLED_SHARE * len(seen):
        return _GARBLED
    return next((verdict for pattern, verdict in _VERDICTS if re.search(pattern, seen)), _BUSY)


class Step(Enum):
    """Where an entry stands."""

    FIRST = "first"  # everything was sent in one write
    DRAINING = "draining"  # Ctrl-C was sent alone, waiting for silence
    ASKED = "asked"  # Ctrl-A was sent, waiting for the banner


class Entry:
    """One attempt to enter the raw REPL: what to write when, until the banner is there.

    ``start`` returns the first bytes to write; ``receive`` takes what came; ``tick`` returns what to write at ``wake`` or later.
    The caller holds the deadline.
    """

    def __init__(self, now: float, approach: Approach = PATIENT) -> None:
        self.seen = bytearray()
        self.wake = now + approach.first_wait
        self._approach = approach
        self._step = Step.FIRST
        self._gap = approach.first_gap
        self._drained_by = now

    def start(self) -> bytes:
        """Return the first try, whole."""
        return self._approach.first

    def receive(self, data: bytes, now: float) -> int:
        """Take received bytes; return how many of the latest belong after the banner, or -1 while it is not there yet."""
        before = len(self.seen)
        self.seen += data
        at = self.seen.find(BANNER_TAIL, max(0, before - len(BANNER_TAIL)))
        if at >= 0:
            rest = len(self.seen) - at - len(BANNER_TAIL)
            del self.seen[len(self.seen) - rest :]
            return rest
        del self.seen[: max(0, len(self.seen) - _SEEN_KEPT)]
        if self._step is Step.DRAINING:
            self.wake = min(now + self._approach.quiet, self._drained_by)
        return -1

    def tick(self, now: float) -> bytes:
        """Return what to write now that ``wake`` has passed, and set the next ``wake``."""
        if self._step is Step.DRAINING:
            self._step = Step.ASKED
            self.wake = now + self._gap
            self._gap = min(self._gap * 2, self._approach.last_gap)
            return b"\r\x01"
        self._step = Step.DRAINING
        self.wake = now + self._approach.quiet
        self._drained_by = now + self._approach.drain_limit
        return b"\x03"
