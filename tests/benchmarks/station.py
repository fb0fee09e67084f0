"""What stands between a tool and its measurement: a simulated board of its own behind a metering link of its own."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from metering_link import Pace

DEVSESSION = Path(sys.executable).parent / "devsession"
LINK = Path(__file__).with_name("metering_link.py")
# Swallows as many bytes as it is told, then answers with as many as it is told: one line "UP DOWN" a time.
BLASTER = """
import os, sys
fd = int(sys.argv[1])
while True:
    order = b""
    while not order.endswith(b"\\n"): order += os.read(fd, 1)
    up, down = map(int, order.split())
    while up: up -= len(os.read(fd, min(up, 65536)))
    block = bytes(65536)
    while down: down -= os.write(fd, block[:min(down, 65536)])
"""


@dataclass(slots=True)
class Cost:
    """What passed on the link, and how long it took."""

    turns: int
    up: int
    down: int
    seconds: float = 0.0

    def __sub__(self, earlier: Cost) -> Cost:
        return Cost(
            self.turns - earlier.turns,
            self.up - earlier.up,
            self.down - earlier.down,
            self.seconds - earlier.seconds,
        )


class Station:
    """A board at ``port`` whose files are in ``root``, and the counts of its link."""

    def __init__(self, port: str, root: Path, link: subprocess.Popen[str]) -> None:
        self.port, self.root, self._link = port, root, link

    def read(self) -> Cost:
        """Return the counts so far and the time now; raises ConnectionError when the link has ended, as it does with its board."""
        now = time.perf_counter()
        assert self._link.stdin is not None
        assert self._link.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            print(file=self._link.stdin, flush=True)
        line = self._link.stdout.readline()
        if not line:
            raise ConnectionResetError("the metering link has ended")
        return Cost(**json.loads(line), seconds=now)


@contextlib.contextmanager
def metered(board: str, port: Path, pace: Pace) -> Iterator[subprocess.Popen[str]]:
    """Put a metering link between the terminal ``board`` and a new one at ``port``."""
    command = [sys.executable, str(LINK), board, str(port), str(pace.rate), str(pace.latency)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as link:
        assert link.stdin is not None
        assert link.stdout is not None
        try:
            if link.stdout.readline() != "ready\n":
                raise RuntimeError("the metering link did not start")
            yield link
        finally:
            # What was written to one that has ended is lost.
            with contextlib.suppress(BrokenPipeError):
                link.stdin.close()


@contextlib.contextmanager
def station(directory: Path, pace: Pace) -> Iterator[Station]:
    """Serve a fresh board, with its files and the port's name in ``directory``, which is to be empty."""
    root, board, port = directory / "root", directory / "board", directory / "port"
    root.mkdir(parents=True)
    command = [DEVSESSION, "sim", "serve", "--path", board, "--root", root]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            if not server.stdout.readline():
                raise RuntimeError("the simulated board did not start")
            with metered(str(board), port, pace) as link:
                yield Station(str(port), root, link)
        finally:
            server.terminate()


class Blast:
    """A plain blast through the same link to something that swallows and answers at once: the limit of the link, as it can be reached."""

    def __init__(self, port: Path) -> None:
        self._fd = os.open(port, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd)

    def seconds(self, up: int, down: int) -> float:
        """Return how long ``up`` bytes there and then ``down`` bytes back take; the answer is at least one byte."""
        order = f"{up} {max(1, down)}\n".encode()
        begun = time.perf_counter()
        data = memoryview(order + bytes(max(0, up)))
        while data:
            data = data[os.write(self._fd, data) :]
        left = max(1, down)
        while left:
            left -= len(os.read(self._fd, left))
        return time.perf_counter() - begun

    def close(self) -> None:
        os.close(self._fd)


@contextlib.contextmanager
def blast(directory: Path, pace: Pace) -> Iterator[Blast]:
    """Open what measures the limit of a link of this pace."""
    directory.mkdir(parents=True)
    master, slave = os.openpty()
    tty.setraw(slave)
    try:
        with subprocess.Popen([sys.executable, "-c", BLASTER, str(master)], pass_fds=[master]) as blaster:
            try:
                with (
                    metered(os.ttyname(slave), directory / "port", pace),
                    contextlib.closing(Blast(directory / "port")) as through,
                ):
                    yield through
            finally:
                blaster.terminate()
    finally:
        os.close(master)
        os.close(slave)
