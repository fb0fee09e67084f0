"""A command in a terminal of its own: keys in, and the screen that a person would see out."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Self

import pyte

DEVSESSION = (sys.executable, "-m", "devsession")
KEYS = {
    "ctrl-c": b"\x03",
    "ctrl-d": b"\x04",
    "ctrl-z": b"\x1a",
    "tab": b"\t",
    "up": b"\x1b[A",
    "alt-enter": b"\x1b\r",
}

# A command that floods a terminal adds to what that holds within this time, in seconds, or it is full.
SETTLED = 0.3


class _Answering(pyte.HistoryScreen):
    """A screen that answers when it is asked where its cursor is, as terminals do."""

    def __init__(self, columns: int, lines: int, answer: Callable[[bytes], object]) -> None:
        self._answer = answer
        super().__init__(columns, lines, history=2000)

    def write_process_input(self, data: str) -> None:
        self._answer(data.encode())


class Screen:
    """The terminal of a command; in ``with``, which kills what has not ended. ``display`` is what is on it, ``seen`` all bytes."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        columns: int = 100,
        lines: int = 30,
    ) -> None:
        self._master, self._slave = self._open = pty.openpty()
        self.screen = _Answering(columns, lines, lambda data: os.write(self._master, data))
        self._stream = pyte.ByteStream(self.screen)
        self._size(columns, lines)
        self.before = termios.tcgetattr(self._slave)
        self.seen = b""
        self.process = subprocess.Popen(
            argv,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one thread
            env={**os.environ, "TERM": "xterm-256color", **(environment or {})},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()

    def hang_up(self) -> None:
        """Close the terminal."""
        descriptors, self._open = self._open, ()
        for descriptor in descriptors:
            os.close(descriptor)

    def fill(self) -> None:
        """Wait, without reading, until the terminal has as much as it can hold."""
        before, waiting = -1, 0
        while waiting == 0 or waiting != before:
            time.sleep(SETTLED)
            before, waiting = (
                waiting,
                int.from_bytes(fcntl.ioctl(self._master, termios.FIONREAD, b"1234"), sys.byteorder),
            )

    def type(self, text: str | bytes, *, enter: bool = False) -> None:
        """Press the keys of a text, and Enter."""
        os.write(self._master, (text.encode() if isinstance(text, str) else text) + b"\r" * enter)

    def key(self, name: str) -> None:
        os.write(self._master, KEYS[name])

    def line(self, text: str | bytes) -> None:
        self.type(text, enter=True)

    def resize(self, columns: int, lines: int) -> None:
        self.screen.resize(lines, columns)
        self._size(columns, lines)

    def read(self, seconds: float) -> None:
        """Take what comes for so long."""
        deadline = time.monotonic() + seconds
        while select.select([self._master], [], [], max(0, deadline - time.monotonic()))[0]:
            data = os.read(self._master, 65536)
            self.seen += data
            self._stream.feed(data)

    @property
    def display(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip()

    @property
    def bar(self) -> str:
        """The last line that has anything."""
        return self.display.rsplit("\n", 1)[-1]

    def until(self, met: str | Callable[[str], bool], timeout: float = 15.0) -> str:
        """Wait until a text is on the screen, or a condition of it met, and return the screen."""
        is_met = (lambda shown: met in shown) if isinstance(met, str) else met
        deadline = time.monotonic() + timeout
        while not is_met(self.display):
            left = deadline - time.monotonic()
            assert left > 0, f"{met!r} did not come:\n{self.display}"
            if select.select([self._master], [], [], min(left, 0.2))[0]:
                data = os.read(self._master, 65536)
                self.seen += data
                self._stream.feed(data)
            else:
                assert self.process.poll() is None or is_met(self.display), f"it ended:\n{self.display}"
        return self.display

    def ends(self, timeout: float = 15.0) -> int:
        """Wait until the command has ended, and return its exit code."""
        deadline = time.monotonic() + timeout
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.display
            self.read(0.02)
        self.read(0.02)
        return self.process.returncode

    def is_as_before(self) -> bool:
        return termios.tcgetattr(self._slave) == self.before

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def _size(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
